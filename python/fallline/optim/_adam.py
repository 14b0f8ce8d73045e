"""Adam and its variant with decoupled weight decay."""

from typing import Unpack

from fallline._arguments import boolean
from fallline.optim._moments import MomentRule
from fallline.optim._options import ArrayOptions
from fallline.typing import FoundRate


class Adam(MomentRule):
    r"""Steps scaled by running moments of the gradient.

    Parameters
    ----------
    learning_rate : float, Schedule, callable or "auto", default=1e-3
        Step size: positive, or a function of the step number. "auto" finds it on the way, in
        `fallline.Trainer` on dense rows (see Notes).
    betas : tuple of float, default=(0.9, 0.999)
        Decay rates of the first and second moment, each in [0, 1); dimensionless, per step.
    eps : float, default=1e-8
        Added to the root of the second moment; in the units of the gradient.
    weight_decay : float, default=0.0
        Added to the gradient times the weight, as torch.optim.Adam does.
    amsgrad : bool, default=False
        Whether to divide by the largest second moment so far, which AMSGrad does; not with "auto".
    **options
        As of `Optimizer`: what `step` does besides.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If an argument is out of its range, or ``amsgrad`` is asked for with "auto".

    Notes
    -----
    With g the gradient plus ``weight_decay`` times w, and m = v = 0 before step t = 1,

    .. math:: m \leftarrow m + (1 - \beta_1)(g - m), \quad
              v \leftarrow \beta_2 v + (1 - \beta_2) g^2, \quad
              w \leftarrow w - \frac{\eta}{1 - \beta_1^t}
                  \frac{m}{\sqrt{v / (1 - \beta_2^t)} + \varepsilon}.

    With ``amsgrad`` the largest v so far stands in the place of v, corrected as v is: that is
    torch.optim's form, and the paper corrects neither moment.

    With "auto" the learning rate is Prodigy's estimate d of the distance to the optimum, from
    :math:`10^{-6}` on: the largest of all :math:`r / |s|_1`, where after each step

    .. math:: r \leftarrow \sqrt{\beta_2} r + (1 - \sqrt{\beta_2}) d^2 \, g \cdot (w_0 - w), \quad
              s \leftarrow \sqrt{\beta_2} s + (1 - \sqrt{\beta_2}) d^2 g.

    The moments are Adam's: those of Prodigy also count gradients by the d of their time. The model
    is a mean of the weights, as of `SGD` with "auto", which mostly comes closer and is faster: 18
    of the 69 problems told of there came within a thousandth of F, and 2 within a millionth.

    On sparse data a step changes the weights and moments whose gradient is not zero, and no others,
    as torch.optim.SparseAdam does: on dense data the moments of the others would fade and go on
    moving their weights. ``weight_decay`` and the gradient of an L2 penalty wait for such a step
    too.

    References
    ----------
    Kingma, D. P. and Ba, J. (2015). Adam: a method for stochastic optimization, algorithm 1.
    Mishchenko, K. and Defazio, A. (2024). Prodigy: an expeditiously adaptive parameter-free
    learner, algorithm 4.
    Reddi, S. J., Kale, S. and Kumar, S. (2018). On the convergence of Adam and beyond, algorithm 2,
    for AMSGrad.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> w = np.array([1.0, -2.0])
    >>> adam = fl.optim.Adam(0.5)
    >>> adam.step(w, 2 * w)  # the gradient of w·w
    >>> w.round(6)
    array([ 0.5, -1.5])
    """

    _finder = "prodigy"

    def __init__(
        self,
        learning_rate: FoundRate = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        **options: Unpack[ArrayOptions],
    ) -> None:
        super().__init__(learning_rate, betas, eps, weight_decay, **options)
        self.amsgrad = boolean("amsgrad", amsgrad)
        if self.amsgrad and self.finds_rate:
            message = "amsgrad must be False with learning_rate='auto', got True; leave it out"
            raise ValueError(message)

    @property
    def rule(self) -> str:
        return "amsgrad" if self.amsgrad else "adam"


class AdamW(Adam):
    r"""`Adam` with weight decay apart from the gradient.

    Parameters
    ----------
    learning_rate : float, Schedule, callable or "auto", default=1e-3
        Step size: positive, or a function of the step number; "auto" is that of `Adam`.
    betas : tuple of float, default=(0.9, 0.999)
        Decay rates of the first and second moment, each in [0, 1); dimensionless, per step.
    eps : float, default=1e-8
        Added to the root of the second moment; in the units of the gradient.
    weight_decay : float, default=0.01
        Each step first multiplies the weights by 1 - learning_rate * weight_decay.
    amsgrad : bool, default=False
        Whether to divide by the largest second moment so far, as `Adam` may; not with "auto".
    **options
        As of `Optimizer`: what `step` does besides.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If an argument is out of its range, or ``amsgrad`` is asked for with "auto".

    Notes
    -----
    The decay is multiplied by the learning rate, as in torch.optim.AdamW; the paper multiplies it
    by the schedule alone. On sparse data it is that of dense data, also for features that are
    absent from a mini-batch; for the rest see `Adam`.

    References
    ----------
    Loshchilov, I. and Hutter, F. (2019). Decoupled weight decay regularization, algorithm 2.

    Examples
    --------
    >>> import numpy as np, fallline as fl
    >>> w = np.array([1.0, -2.0])
    >>> fl.optim.AdamW(0.5, weight_decay=0.5).step(w, np.zeros(2))
    >>> w
    array([ 0.75, -1.5 ])
    """

    def __init__(
        self,
        learning_rate: FoundRate = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
        **options: Unpack[ArrayOptions],
    ) -> None:
        super().__init__(
            learning_rate,
            betas=betas,
            eps=eps,
            weight_decay=weight_decay,
            amsgrad=amsgrad,
            **options,
        )
        self.decoupled_weight_decay = True
