package oldworld

import "testing"

// TestEqual is TestEqualLinks for an adoption by path: there hookd runs the scripts.
func TestEqual(t *testing.T) {
	equal(t, "hookctl adopt ifupdown")
}

// TestNative is TestNativeLinks for an adoption by path, where hooks and scripts are one plan.
func TestNative(t *testing.T) {
	native(t, "hookctl adopt ifupdown").run(append(parts, part{"order", order}))
}

// order: hooks and scripts are one plan.
func order(o *old) {
	o.hook("mm-hook", "On=ifupdown.up interface=rec0 family=inet", tells)
	o.hook("aa-late", "On=ifupdown.up interface=rec0 family=inet\nAfter=legacy:zz-last", tells)
	o.hook("aa-early", "On=ifupdown.up interface=rec0 family=inet\nBefore=legacy:aa-*", tells)
	o.hook("turned", "On=ifupdown.down interface=rec0 family=inet\nAfter=legacy:zz-last\nReverse=yes", tells)
	o.reload()
	o.expect("ifup rec0", false, "aa-first rec0 inet pre-up", "zz-last rec0 inet pre-up",
		"aa-early rec0 inet ifupdown.up", "aa-first rec0 inet post-up", "mm-hook rec0 inet ifupdown.up", "zz-last rec0 inet post-up",
		"aa-late rec0 inet ifupdown.up",
		"aa-first rec0 inet6 pre-up", "zz-last rec0 inet6 pre-up", "aa-first rec0 inet6 post-up", "zz-last rec0 inet6 post-up")
	o.expect("ifdown rec0", false, "aa-first rec0 inet pre-down", "turned rec0 inet ifupdown.down", "zz-last rec0 inet pre-down",
		"aa-first rec0 inet post-down", "zz-last rec0 inet post-down",
		"aa-first rec0 inet6 pre-down", "zz-last rec0 inet6 pre-down", "aa-first rec0 inet6 post-down", "zz-last rec0 inet6 post-down")
}
