"""What of PixPro's trainings follows a schedule, beside the rates."""

from common.steps.points import next_momentum

scheduled = next_momentum
