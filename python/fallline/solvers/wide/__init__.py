"""Methods for more columns than a Hessian may have, with an L2 penalty or none."""
