package oldworld

// nestedAlone: without hookd, too, a hook that calls ifup and ifdown of another interface and of its own one waits for nothing
// that waits for it, and the hooks of what it makes happen run (R9).
func nestedAlone(o *old) {
	o.hook("mm-calls", "On=ifupdown.up interface=rec0 family=inet", `ifup other >/dev/null 2>&1; echo "other $?" >>/run/told
ifup rec0 >/dev/null 2>&1; echo "own up $?" >>/run/told; ifdown rec0 >/dev/null 2>&1; echo "own down $?" >>/run/told`)
	o.hook("mm-other", "On=ifupdown.up interface=other", tells)
	o.Run("systemctl", "stop", "hookd.service")
	o.Shell("ifdown --force other 2>/dev/null || true")
	o.expect("ifup rec0 >/dev/null 2>&1", false, "aa-first rec0 inet pre-up", "zz-last rec0 inet pre-up", "aa-first rec0 inet post-up",
		"aa-first other inet pre-up", "zz-last other inet pre-up", "aa-first other inet post-up", "mm-other other inet ifupdown.up", "zz-last other inet post-up",
		"other 0", "own up 1", "own down 1", "zz-last rec0 inet post-up",
		"aa-first rec0 inet6 pre-up", "zz-last rec0 inet6 pre-up", "aa-first rec0 inet6 post-up", "zz-last rec0 inet6 post-up")
	o.Shell("ifdown rec0; ifdown other; systemctl start hookd.service")
}
