"""Every objective on the synthetic world, and the table of them.

python -m benchmarks.proofs NAME [NAME ...] --worlds DIR      train, measure, write results/proofs/NAME.json
python -m benchmarks.proofs NAME --arm ARM                    one arm, to try; nothing is written
python -m benchmarks.proofs NAME --real CLIPS                 a hundred steps of its own arm on real clips
python -m benchmarks.proofs --table                           one line an objective; all arms go to results/proofs.md

A proof is a file beside this one with a `PROOF` (`benchmarks/proof.py`). One thread trains and one process decodes;
CPU minutes are of both.
"""

import argparse
import importlib
import tempfile
from pathlib import Path

import torch

from benchmarks.proof import Proof
from benchmarks.proof_table import arms, objectives
from benchmarks.proving import Prover, keep
from benchmarks.real_steps import keep_real, on_real

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results" / "proofs"


def proof(name: str) -> Proof:
    """That of a file of this folder."""
    found: Proof = importlib.import_module(f"benchmarks.proofs.{name}").PROOF
    return found


def main() -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="of proofs; none: all")
    parser.add_argument("--worlds", type=Path, default=Path("worlds"), help="folder of rendered worlds")
    parser.add_argument("--runs", type=Path, help="folder for the runs; a temporary one if not given")
    parser.add_argument("--arm", default="", help="this arm alone; nothing is written")
    parser.add_argument("--real", help="real clips: a hundred steps on them instead")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--table", action="store_true", help="print the table instead")
    args = parser.parse_args()
    torch.set_num_threads(1)
    every = sorted(path.stem for path in HERE.glob("*.py") if not path.stem.startswith("_"))
    if args.table:
        proofs = {name: proof(name) for name in every}
        print(objectives(proofs, RESULTS))
        (RESULTS.parent / "proofs.md").write_text(f"{arms(proofs, RESULTS)}\n", encoding="utf-8")
        return
    for name in args.names or every:
        with tempfile.TemporaryDirectory() as folder:
            prover = Prover(args.worlds, args.runs or Path(folder), args.device)
            if args.real:
                keep_real(RESULTS, name, on_real(proof(name), name, args.real, prover))
                continue
            proven = prover.prove(proof(name), args.arm)
            if not args.arm:
                keep(RESULTS, name, proof(name), proven)


if __name__ == "__main__":
    main()
