package runparts

const versionText = "run-parts of hookd, like that of debianutils 5.23\n"

// help goes to standard error in the old dialect.
func (o *Options) help() *Stop {
	if o.Dialect.Old() {
		return &Stop{Stderr: helpText}
	}
	return &Stop{Stdout: helpText}
}

const helpText = `Usage: run-parts [OPTION]... DIRECTORY...
Run the scripts of directories in the order of their names. Of several
directories the first one that has a name counts.

      --test            print what would run
      --list            print every file with a good name
  -v, --verbose         say what is run
  -d, --debug           say what is looked at
      --report          put the path of a script before its output
      --reverse         begin with the last one
      --exit-on-error   end with the first script that fails
      --stdin           give all of standard input to each script
      --lsbsysinit      other names: those of the LSB
      --regex=PATTERN   other names: those that match
      --new-session     run each script in a session of its own
  -u, --umask=MASK      octal, 022 without it
  -a, --arg=ARGUMENT    give scripts an argument; may be repeated
  -B, --before=PROGRAM  run this before each script
  -A, --after=PROGRAM   and this after it
  -V, --version
  -h, --help

Not in debianutils, and never abbreviated:
      --compat=VERSION  be like debianutils 5.7, 5.23 or 5.24; without it
                        like 5.7 where the host's run-parts is older than
                        5.21, else like 5.23
      --timeout=SPAN    end a script that runs longer, with everything in
                        its session, which is one of its own
      --parallel[=N]    run N scripts at a time, 16 without N; what is
                        written stays in order and apart
      --json            write a line of JSON on standard output for each
                        script; what scripts write goes to standard error
`
