#!/bin/sh
# Lab 'uplink', as 'netlab plan --format sh' prints it: what 'netlab up' makes, in words of iproute2 and
# util-linux. Needs root.
#
#   sh uplink.sh up               make the lab
#   sh uplink.sh exec NODE CMD... run a command in a node
#   sh uplink.sh down             remove it
#
# A lab is processes. Each node is one, asleep, which holds the node's namespaces; the "fabric" is one more,
# whose network namespace has the middle of every link. When the processes are gone, so is the lab: nothing of
# it is ever in the host's network namespace.
# shellcheck disable=SC2016,SC2086 # what is in single quotes is for another shell; $settings are words
set -eu
lab='uplink'
echo "$lab: only netlab itself makes a way to the host's network: "out >&2
exit 4
