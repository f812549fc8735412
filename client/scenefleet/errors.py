"""The client's errors. Each message says what was given, what is allowed and what to do.

ScenefleetError
├── RecipeError         the recipe or settings cannot be used                exit code 1
│   └── NoRecipeError   there is no such recipe                           exit code 2
├── CatalogError        the catalogue answered wrongly, or not at all        exit code 1
├── StoreError          the store could not be read or written               exit code 1
│   └── NotInStoreError no such file there
├── FleetError          Azure Batch (or the emulator) refused or failed      exit code 1
│   └── SilentFleetError it is busy or does not answer: later may help
├── NotAuthorisedError  a credential is missing, wrong or too weak           exit code 4
├── BudgetError         the estimate is above the budget                     exit code 6
├── CancelledError      another command cancelled what this one was doing    exit code 5
└── UsageError          invalid arguments                                    exit code 2
"""


class ScenefleetError(Exception):
    """The root of all errors that scenefleet raises on purpose."""

    exit_code = 1


class RecipeError(ScenefleetError):
    """A recipe or a settings file that cannot be used."""


class NoRecipeError(RecipeError):
    """A recipe that is named and is not there."""

    exit_code = 2


class CatalogError(ScenefleetError):
    """A catalogue that could not be searched, or answered something it should not."""


class StoreError(ScenefleetError):
    """A store that could not be read or written."""


class NotInStoreError(StoreError):
    """A file that is not in the store."""


class FleetError(ScenefleetError):
    """Azure Batch, or the emulator, refused or failed."""


class SilentFleetError(FleetError):
    """Azure Batch, or the emulator, is busy or does not answer: the same call may succeed later."""

    def __init__(
        self, text: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        """Takes the sentence, the HTTP status and the seconds to wait, each where one came."""
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after


class NotAuthorisedError(ScenefleetError):
    """A credential that is missing, wrong or too weak."""

    exit_code = 4


class BudgetError(ScenefleetError):
    """An estimate above the budget."""

    exit_code = 6


class CancelledError(ScenefleetError):
    """Another command cancelled what this one was doing."""

    exit_code = 5


class UsageError(ScenefleetError):
    """A command with invalid arguments."""

    exit_code = 2
