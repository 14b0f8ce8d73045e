"""`python -m fallline`."""

from fallline.cli import main

raise SystemExit(main())
