#!/bin/sh
# Makes testdata/golden.json with the feeds' reference scorer:
#   golden.sh /absolute/path/to/score_predict.py
# The feeds and risk.csv there are made up, with gaps, absent days and days not expected.
set -e
cd "$(dirname "$0")/testdata"
python3 "$1" --feeds ../../../predict/backtest/testdata --risk risk.csv >golden.json
