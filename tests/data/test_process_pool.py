import signal

from mmssl.data.process_pool import interrupts_held, process_pool


def test_ctrl_c_reaches_the_parent_alone() -> None:
    with process_pool(1) as pool:
        with interrupts_held():
            assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
            blocked = pool.submit(signal.pthread_sigmask, signal.SIG_BLOCK, [])
        assert signal.SIGINT in blocked.result()
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
