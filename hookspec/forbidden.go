package hookspec

import (
	"slices"
	"strings"
)

// whyForbidden says of a key that systemd knows and [Service] does not take what there is instead, or why there is nothing
// (failures: S10).
func whyForbidden(key string) (hint string, forbidden bool) {
	for _, f := range forbiddenKeys() {
		if slices.Contains(strings.Fields(f.keys), key) {
			return f.hint, true
		}
	}
	switch {
	case strings.HasPrefix(key, "Exec"):
		return "a service has one program, Exec= in [Hook]; before and after it run hooks of their own, On=service.started and the like", true
	case slices.Contains(KeyNames(), key):
		return key + "= belongs into the section [Hook]", true
	case strings.HasPrefix(key, "Condition") || strings.HasPrefix(key, "Assert"):
		return "[Hook] has conditions of its own", true
	}
	return "", false
}

func forbiddenKeys() []struct{ keys, hint string } {
	return []struct{ keys, hint string }{
		{"DynamicUser SupplementaryGroups PAMName", "User= and Group= in [Hook] say who runs it"},
		{"EnvironmentFile PassEnvironment UnsetEnvironment", "the environment is built from nothing; Environment= in [Hook] adds to it"},
		{"SuccessAction FailureAction StartLimitAction SuccessActionExitStatus FailureActionExitStatus RebootArgument JobTimeoutAction",
			"no hook decides about the host; a hook with On=service.failed can"},
		{"RootDirectory RootImage RootHash BindPaths BindReadOnlyPaths TemporaryFileSystem MountImages ExtensionImages ExtensionDirectories MountAPIVFS",
			"a service sees the host's own files; ProtectSystem=, ReadOnlyPaths= and InaccessiblePaths= take from them"},
		{"After Before Wants Requisite BindsTo PartOf Upholds Conflicts OnFailure OnSuccess Sockets Slice JoinsNamespaceOf RequiresMountsFor PropagatesStopTo PropagatesReloadTo",
			"hooks name no units here; After=, Requires= and While= in [Hook] name hooks and states"},
		{"RemainAfterExit GuessMainPID PIDFile BusName ExitType", "a service is the program that Exec= in [Hook] runs, in the foreground"},
		{"StandardInput StandardOutput StandardError TTYPath", "the output is kept; see hookctl status"},
		{"LoadCredential LoadCredentialEncrypted SetCredential SetCredentialEncrypted ImportCredential", "the program reads its own files"},
		{"TimeoutSec", "write TimeoutStartSec= and TimeoutStopSec="},
		{"StartLimitInterval", "write StartLimitIntervalSec="},
		{"MemoryLimit", "write MemoryMax="},
		{"CPUShares StartupCPUShares", "write CPUWeight="},
		{"Delegate PrivateNetwork NetworkNamespacePath", "not in this version"},
	}
}
