import GRDB
import ServiceLifecycle
import Subprocess
