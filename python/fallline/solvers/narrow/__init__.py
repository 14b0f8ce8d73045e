"""Second-order methods, for as many coordinates as a Hessian may have."""
