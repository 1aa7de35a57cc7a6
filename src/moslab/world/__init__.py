"""The embedded photo world: pictures drawn by rule, with labels whose causes are known.

Every result can therefore be compared with what was possible.
"""

from moslab.world.tasks import World, generate
from moslab.world.version import LABELS, PIXELS

__all__ = ["LABELS", "PIXELS", "World", "generate"]
