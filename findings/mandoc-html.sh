#!/usr/bin/env bash
# mandoc -T html: lines of code that begin with a blank, and anchors of headings with an escape in them.
#
# One would guess that an .nf block becomes a <pre> with the same lines, and that the anchor of the heading `NON\-CACHED MODE` is
# made of its text, as that of `RARE OPTIONS` is (`RARE_OPTIONS`). What happens: in front of each line that begins with a blank
# stands a <br/> of its own, so that a browser shows an empty line that is not in the page; and an anchor ends in front of the
# first escape (`NON`), also where that gives two headings the same beginning: then only one of them keeps it.
#
# Needs Debian 12 (apt-get, dpkg-deb). Exits non-zero if that has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download --quiet mandoc=1.14.6-1+b1 >/dev/null 2>&1
dpkg-deb --extract mandoc_*.deb .

cat >page.1 <<'MAN'
.TH PAGE 1
.SH RARE OPTIONS
text
.SH NON\-CACHED MODE
text
.SH EXAMPLES
.nf
first
    second
.fi
MAN
usr/bin/mandoc -T html -O fragment page.1 >page.html
dpkg-deb --field mandoc_*.deb Package Version
cat page.html

grep -q 'id="RARE_OPTIONS"' page.html
grep -q 'id="NON"' page.html || { echo "the anchor of NON\-CACHED MODE is another one now"; exit 1; }
tr '\n' ' ' <page.html | grep -q '<pre>first <br/>     second</pre>' || { echo "the lines of <pre> are others now"; exit 1; }
