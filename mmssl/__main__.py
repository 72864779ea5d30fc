"""`python -m mmssl`, for `torchrun -m mmssl train ...`."""

from mmssl.cli.app import main

main()
