"""A made-up world of sounding shapes, as short real MP4 files with exact ground truth; see `generate.synthesize`."""
