"""An L1 penalty on many columns: the few that matter, and a proof for the rest."""
