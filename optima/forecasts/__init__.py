"""What a head will be before it is trained: losses and singular values of every structure, and of linear networks."""

from optima.forecasts.forecast import forecast
from optima.forecasts.linear_network import LinearNetwork, linear_network
from optima.forecasts.result import Forecast, Prediction

__all__ = ["Forecast", "LinearNetwork", "Prediction", "forecast", "linear_network"]
