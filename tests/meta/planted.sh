#!/bin/sh
# SPDX-License-Identifier: MIT
# Planted: a local array in a shell that has none.
files=(one two)
rm -f $files
