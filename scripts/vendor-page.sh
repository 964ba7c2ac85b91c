#!/bin/sh
# Brings the scripts that pages use from their npm packages, with their licences, into
# web/page, and axe-core for its tests. Give other versions as HTMX=4.0.2 UPLOT=1.6.33
# AXE=4.15.0. Look at the changes before you commit them: pages trust these files.
set -eu
cd "$(dirname "$0")/../web/page"
HTMX=${HTMX:-4.0.1}
UPLOT=${UPLOT:-1.6.32}
AXE=${AXE:-4.14.1}
fetched=$(mktemp -d)
trap 'rm -rf "$fetched"' EXIT

# fetch PACKAGE VERSION: unpacks a package to $fetched/PACKAGE
fetch() {
	(cd "$fetched" && npm pack --silent "$1@$2" >/dev/null && mkdir "$1" && tar xzf "$1-$2.tgz" --strip-components 1 -C "$1")
}
fetch htmx.org "$HTMX"
cp "$fetched/htmx.org/dist/htmx.min.js" assets/htmx.min.js
cp "$fetched/htmx.org/LICENSE" licences/htmx.txt
fetch uplot "$UPLOT"
cp "$fetched/uplot/dist/uPlot.iife.min.js" assets/uplot.min.js
cp "$fetched/uplot/dist/uPlot.min.css" assets/uplot.min.css
cp "$fetched/uplot/LICENSE" licences/uplot.txt
fetch axe-core "$AXE"
mkdir -p testdata
cp "$fetched/axe-core/axe.min.js" testdata/axe.min.js
cp "$fetched/axe-core/LICENSE" testdata/axe.LICENSE
sha256sum testdata/axe.min.js assets/htmx.min.js assets/uplot.min.js assets/uplot.min.css
