"""Heat-map scores against golden values and maps whose scores are known."""

from itertools import pairwise

import pytest
import torch

from mmssl.evaluate import maps
from mmssl.evaluate.framing import Box, View


@pytest.mark.parametrize(("area", "golden"), [(0.10, 0.20), (0.20, 0.40), (0.25, 0.50), (0.40, 0.80), (0.60, 0.833)])
def test_golden_ciou_of_half_a_picture(area: float, golden: float) -> None:
    selected = maps.box_mask([(0, 0, 0.5, 1)], 100).unsqueeze(0)
    # 0.60: the box holds the predicted half, 0.5 / 0.6.
    truth = maps.box_mask([(0, 0, 0.5, area * 2) if area <= 0.5 else (0, 0, area, 1)], 100).unsqueeze(0)
    assert maps.ciou(selected, truth).item() == pytest.approx(golden, abs=1e-3)


def test_consensus_weighs_what_is_hit() -> None:
    truth = torch.tensor([[[1.0, 0.5], [0, 0]]])
    selected = torch.tensor([[[True, False], [True, False]]])
    assert maps.ciou(selected, truth).item() == pytest.approx(1 / 2.5)


def test_success_area() -> None:
    assert maps.success_area(torch.ones(3, dtype=torch.float64)).item() == pytest.approx(1)
    assert maps.success_area(torch.zeros(3, dtype=torch.float64)).item() == pytest.approx(0.025)  # 1 at threshold 0
    curve = [1 if threshold <= 10 else 0 for threshold in range(21)]  # all at 0.5
    slow = sum((a + b) / 2 * 0.05 for a, b in pairwise(curve))
    assert maps.success_area(torch.full((4,), 0.5, dtype=torch.float64)).item() == pytest.approx(slow)


def test_top_half() -> None:
    ramp = torch.arange(16.0).reshape(1, 4, 4)
    assert maps.top_half(ramp).sum() == 8
    assert maps.top_half(torch.zeros(1, 4, 4)).all()


def test_pointing_counts_ties_by_share() -> None:
    truth = maps.box_mask([(0, 0, 0.5, 0.5)], 8).expand(3, 8, 8)
    heat = torch.zeros(3, 8, 8)
    heat[1, 1, 1], heat[2, 4, 3] = 1, 1
    assert maps.pointing(heat, truth).tolist() == [0.25, 1, 0]
    assert maps.pointing(heat, truth, tolerance=1).tolist() == [25 / 64, 1, 1]


def test_the_center_is_symmetric() -> None:
    middle = maps.box_mask([(0.4, 0.4, 0.6, 0.6)], 10).unsqueeze(0)
    assert maps.pointing(maps.centered(10).unsqueeze(0), middle).item() == 1
    left = maps.box_mask([(0, 0, 0.5, 1)], 10).unsqueeze(0)
    assert maps.pointing(maps.centered(10).unsqueeze(0), left).item() == 0.5


def test_confidence_is_the_highest_quarter() -> None:
    heat = torch.tensor([[[4.0, -9], [0, 1]]])
    assert maps.confidence(heat).item() == 4


def test_raster_keeps_the_place_of_a_peak() -> None:
    heat = torch.zeros(1, 7, 7)
    heat[0, 2, 5] = 1
    fine = maps.raster(heat, 224)[0]
    row, column = divmod(int(fine.argmax()), 224)
    assert [row / 224, column / 224] == pytest.approx([2.5 / 7, 5.5 / 7], abs=0.01)


@pytest.mark.parametrize(
    ("size", "aspect", "box", "seen"),
    [
        ((200, 100), 1.0, (0.25, 0.0, 0.75, 1.0), (0, 0, 1, 1)),
        ((200, 100), 1.0, (0.5, 0.5, 1.0, 0.75), (0.5, 0.5, 1, 0.75)),
        ((100, 200), 1.0, (0.2, 0.5, 0.4, 0.625), (0.2, 0.5, 0.4, 0.75)),
        ((100, 100), 2.0, (0, 0, 0.5, 0.5), (0, 0, 0.5, 0.5)),
    ],
)
def test_boxes_through_the_crop(size: tuple[int, int], aspect: float, box: Box, seen: Box) -> None:
    view = View.centered(*size, aspect)
    assert view.inward(box) == pytest.approx(seen)
    inner = view.inward((0.4, 0.4, 0.6, 0.6))
    assert inner is not None
    assert view.outward(*inner[:2]) == pytest.approx((0.4, 0.4))


def test_a_box_outside_the_crop_is_not_seen() -> None:
    assert View.centered(300, 100).inward((0, 0, 0.3, 1)) is None
