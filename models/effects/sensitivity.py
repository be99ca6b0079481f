"""How strong a confounder that nobody measured would have to be to explain a difference away (the E-value)."""

import math

_LEAST_RISK = 1e-6


def e_value(risk_ratio: float) -> float:
    """For a risk ratio; 1 where there is no difference.

    Source: VanderWeele and Ding, Ann Intern Med 167 (2017) 268.
    """
    above = max(risk_ratio, 1 / max(risk_ratio, _LEAST_RISK))
    return above + math.sqrt(above * (above - 1))


def e_value_of_limit(risk_ratio: float, lower: float, upper: float) -> float:
    """For the end of the interval nearer to 1; 1 where the interval holds no difference."""
    if lower <= 1 <= upper:
        return 1.0
    return e_value(lower if risk_ratio > 1 else upper)


def as_risk_ratio(standardised: float) -> float:
    """A difference of means in standard deviations, as a risk ratio (the same source)."""
    return math.exp(0.91 * standardised)


def ratio_of_risks(option: float, reference: float) -> float:
    """Of two probabilities, either of which may be estimated at or beyond its bounds."""
    bounded = [min(max(risk, _LEAST_RISK), 1.0) for risk in (option, reference)]
    return bounded[0] / bounded[1]
