#!/usr/bin/env bash
# Fetches into .gpu-wheels what a machine with torch, torchvision, torchaudio, transformers and timm on Python 3.12 lacks
# to run mmssl without a network; not decord, which no check on a GPU needs.
set -euo pipefail
cd "$(dirname "$0")/.."
rm -rf .gpu-wheels
${PYTHON:-python3} -m pip download --quiet --no-deps --constraint constraints.txt --dest .gpu-wheels \
  --only-binary=:all: --python-version 3.12 --platform manylinux_2_28_x86_64 --platform manylinux2014_x86_64 \
  audioread av cffi decorator faiss-cpu ftfy librosa open-clip-torch platformdirs pooch pycparser soundfile soxr typer wcwidth
du -sh .gpu-wheels
