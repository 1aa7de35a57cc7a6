"""What trainings take, said before anything is loaded."""

from moslab.experiments.planning.plans import Plan, hours, plan, sizes_of
from moslab.experiments.planning.work import Card, card, cards

__all__ = ["Card", "Plan", "card", "cards", "hours", "plan", "sizes_of"]
