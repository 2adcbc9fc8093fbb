"""How good retrieval is, in numbers: measures of rankings and of confidence, and the fit of the confidence. Pure; asks no store."""
