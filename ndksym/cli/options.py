"""Arguments and options that commands share: their names, defaults in words, and help."""

from pathlib import Path
from typing import Annotated

import typer

ActivationArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="ACTIVATION…",
        help="Catalogue name or formula in x, such as 'gelu' or 'x*(1+erf(x/sqrt(2)))/2'; "
        "several give one hidden layer each.",
    ),
]
DepthOption = Annotated[int | None, typer.Option("--depth", help="Number of hidden layers.", show_default="1")]
BiasOption = Annotated[bool, typer.Option("--bias", help="With biases of scale β.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", min=0.1, help="Seconds before the work is stopped (exit code 5).")
]


DataOption = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="TASK",
        help="FILE.npz (arrays X, y and perhaps X_test, y_test), orthogonal:P, digits:A,B or openml:NAME:A,B; classes may be "
        "grouped: digits:0+2,1+3; options follow: orthogonal:8,overlap=0.9,width=32.",
    ),
]
BiasScaleOption = Annotated[float, typer.Option("--bias-scale", help="Scale β of the biases; 0 is none.")]
TemperatureOption = Annotated[float, typer.Option("--temperature", help="T of the Langevin noise.")]
PriorOption = Annotated[float, typer.Option("--prior-variance", help="σ² of the weights' prior.")]
InitOption = Annotated[float, typer.Option("--init-variance", help="σ0² of the initial weights.")]
StrengthOption = Annotated[
    float | None, typer.Option("--strength", help="λ of Markov proximal learning; times then count steps.")
]
ReductionOption = Annotated[
    str, typer.Option("--reduction", help="sum or mean over the examples of the loss ½(y − f)².")
]
TrainOption = Annotated[int | None, typer.Option("--train", help="Number of training examples; the rest tests.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Of everything that is drawn; recorded in the output.")]
FigureOption = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE", help="Learning curves as .png, .svg or .pdf; numbers beside it as .json."),
]
SaveOption = Annotated[
    Path | None, typer.Option("--save", metavar="FILE.npz", help="All arrays; np.load reads them without pickle.")
]
