"""A family that learns from features on one scale: ComBat by site, fitted inside each fit, goes with the recipe."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from models.applicability import Cohort
from models.errors import BadCohort
from models.families.columns import ColumnSpec, complete, encode
from models.families.combat import Harmonisation, Unseen, fit_combat
from models.families.family import REPLICATES, Check, Family, Fitted
from models.families.recipe import Recipe
from models.families.target import Target, Task

FEWEST_OF_A_SITE = 5
"""Patients of a site whose features can be mapped."""
MOST_SITES = 50


class Harmonised:
    """Around any family; the site itself is not learned from."""

    def __init__(self, family: Family, site: str, unseen: Unseen = "refuse") -> None:
        """Takes what learns.

        Args:
            family: That learns from the mapped features.
            site: The column that names each patient's site or scanner, a category.
            unseen: What becomes of a case from another site.
        """
        self.family = family
        self.site = site
        self.unseen: Unseen = unseen
        self.name = family.name
        self.task: Task = family.task
        self.files = family.files

    def fit(
        self,
        table: pd.DataFrame,
        target: Target,
        columns: Sequence[ColumnSpec],
        *,
        seed: int,
        replicates: int = REPLICATES,
        check: Check = lambda: None,
    ) -> Fitted:
        """See `Family.fit`. Only columns of numbers that are measured in images are mapped.

        Raises:
            BadCohort: As the family; or the site is no category, is missing, or a site has too few patients.
        """
        spec = _site(self.site, columns, table)
        site = encode([spec], (), table)[:, 0].astype(np.intp)
        others = [one for one in columns if one.name != self.site]
        mapped = [one.name for one in others if one.kind == "number" and not one.name.startswith("clinical.")]
        if not mapped:
            raise BadCohort("there is no image feature to harmonise", column=self.site)
        values = table[mapped].to_numpy(dtype=np.float64)
        scale, shift = fit_combat(values, site, len(spec.categories))
        common = table.drop(columns=self.site).assign(
            **dict(zip(mapped, (scale[site] * values + shift[site]).T, strict=True))
        )
        fitted = self.family.fit(common, target, others, seed=seed, replicates=replicates, check=check)
        kept = fitted.recipe.columns
        taken = [(index, mapped.index(one.name)) for index, one in enumerate(kept) if one.name in mapped]
        at = len(kept)
        harmonisation = Harmonisation(
            site=at,
            columns=tuple(index for index, _ in taken),
            scale=tuple(tuple(float(row[found]) for _, found in taken) for row in scale),
            shift=tuple(tuple(float(row[found]) for _, found in taken) for row in shift),
            patients=tuple(int((site == one).sum()) for one in range(len(spec.categories))),
            unseen=self.unseen,
        )
        return _with_site(fitted, replace(spec, required=self.unseen == "refuse"), harmonisation)

    def load(self, recipe: Recipe, files: Mapping[str, bytes], cohort: Cohort) -> Fitted:
        """See `Family.load`: what is loaded maps by its recipe, whichever way it was learned."""
        return self.family.load(recipe, files, cohort)


def _site(name: str, columns: Sequence[ColumnSpec], table: pd.DataFrame) -> ColumnSpec:
    declared = next((one for one in columns if one.name == name), None)
    if declared is None or declared.kind != "category":
        raise BadCohort(f"harmonisation is wanted by {name}, which is no column of categories", column=name)
    lacking = int(table[name].isna().sum())
    if lacking:
        raise BadCohort(f"{lacking} patients have no {name}; harmonisation wants the site of each", column=name)
    counts = table[name].astype(str).value_counts()
    few = sorted(str(word) for word, count in counts.items() if count < FEWEST_OF_A_SITE)
    if few or not 2 <= len(counts) <= MOST_SITES:
        seen = f"fewer than {FEWEST_OF_A_SITE} patients of {', '.join(few)}" if few else f"{len(counts)} sites"
        wanted = f"wanted 2 to {MOST_SITES} sites, each with {FEWEST_OF_A_SITE} patients or more in every training fold"
        raise BadCohort(f"{name}: {seen}; {wanted}", column=name)
    (spec,) = complete([declared], table)
    return spec


def _with_site(fitted: Fitted, site: ColumnSpec, harmonisation: Harmonisation) -> Fitted:
    """The same model with a last raw column that nothing but the mapping looks at."""
    recipe = fitted.recipe
    at = len(recipe.columns)
    terms = tuple(replace(term, column=at + 1) if term.kind == "therapy" else term for term in recipe.design.terms)
    whole = replace(
        recipe,
        columns=(*recipe.columns, site),
        design=replace(recipe.design, terms=terms),
        centre=(*recipe.centre[:-1], 0.0, recipe.centre[-1]),
        harmonisation=harmonisation,
    )
    return Fitted.of(whole, fitted.engine, fitted.cohort)
