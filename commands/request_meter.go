package commands

// meter makes the meter of a request that nobody would see anything of while it
// lasts, on a terminal; else nil. Where the answer goes to the terminal, too, it
// is there until that begins.
func (o *requestOptions) meter(env *Env) *meter {
	if !env.Terminal.Stderr || o.silent || o.verbose || o.output.format.word != "" {
		return nil
	}
	seen := o.answer.file == "" || o.answer.file == "-" || o.writeOut.given
	if o.sending.repeat > 1 && env.Terminal.Stdout && seen {
		return nil // each request is told of there
	}
	return newMeter(env)
}

// metered tells the meter that so much of the answer has come; to a terminal it
// gives way.
func (b *bodyWriter) metered(n int) {
	switch {
	case b.meter == nil || b.many:
	case b.size == 0 && b.env.Terminal.Stdout && (b.name == "" || b.name == "-"):
		b.meter.end()
	case b.size == 0:
		b.meter.begin("received", -1, "")
		fallthrough
	default:
		b.meter.add(int64(n))
	}
}
