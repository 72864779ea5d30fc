from math import cos, isclose, pi

from mmssl.training.schedule import rate


def test_warms_up_then_falls_as_half_a_cosine() -> None:
    assert [rate(step, 10, 3) for step in range(3)] == [0.25, 0.5, 0.75]
    assert rate(3, 10, 3) == 1
    assert isclose(rate(8, 10, 3), (1 + cos(pi * 5 / 7)) / 2)
    assert isclose(rate(10, 10, 3), 0, abs_tol=1e-12)


def test_works_without_warm_up_and_when_it_is_longer_than_the_run() -> None:
    assert rate(0, 5, 0) == 1
    assert rate(1, 2, 9) == 0.2
