import sys

from deformer_tool import main

sys.exit(main())
