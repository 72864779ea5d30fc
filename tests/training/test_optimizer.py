from torch import Tensor, nn, zeros

from mmssl.run import Optimization
from mmssl.training.optimizer import make_optimizer, names, undecayed


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.single = nn.Linear(3, 1)
        self.norm = nn.LayerNorm([2, 2])
        self.batch = nn.BatchNorm2d(3)
        self.temperature = nn.Parameter(zeros(2, 2))
        self.pos_embed = nn.Parameter(zeros(1, 5, 4))
        self.scale = nn.Parameter(zeros(1, 1))
        self.frozen = nn.Linear(3, 3).requires_grad_(False)


def test_norms_biases_temperatures_and_positions_do_not_decay() -> None:
    model = Model()
    assert undecayed(model) == {
        "linear.bias", "single.bias", "norm.weight", "norm.bias", "batch.weight", "batch.bias", "temperature",
        "pos_embed", "scale",
    }  # fmt: skip
    optimizer = make_optimizer(model, Optimization(weight_decay=0.3))
    of = names(model, optimizer)
    decay: dict[str, float] = {}
    for group in optimizer.param_groups:
        parameters: list[Tensor] = group["params"]
        decay |= {of[parameter]: group["weight_decay"] for parameter in parameters}
    assert {name for name, value in decay.items() if value == 0.3} == {"linear.weight", "single.weight"}
    assert "frozen.weight" not in decay
