"""An append-only, chained record of every call that touches a case: who, what, when, by which versions; no patient."""
