"""Self-supervised learning from video, sound and text.

`import mmssl` is quick: torch is imported only when something that needs it is used.
"""

__version__ = "0.1.0"
