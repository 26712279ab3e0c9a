"""What `harness` offers, for type checkers: __init__.py imports it lazily."""

from harness.api import (
    CaseResult as CaseResult,
)
from harness.api import (
    ConfigError as ConfigError,
)
from harness.api import (
    HarnessError as HarnessError,
)
from harness.api import (
    HarnessWarning as HarnessWarning,
)
from harness.api import (
    RecordReport as RecordReport,
)
from harness.api import (
    RecordResult as RecordResult,
)
from harness.api import (
    RecordState as RecordState,
)
from harness.api import (
    Relation as Relation,
)
from harness.api import (
    Report as Report,
)
from harness.api import (
    TensorResult as TensorResult,
)
from harness.api import (
    UsageError as UsageError,
)
from harness.api import (
    Verdict as Verdict,
)
from harness.api import (
    compare as compare,
)
from harness.api import (
    record as record,
)
from harness.api import (
    verify as verify,
)

__version__: str
