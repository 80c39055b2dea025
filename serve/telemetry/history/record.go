package history

import "math"

// Record is what a server did in a stretch of time, mostly a minute.
type Record struct {
	Time int64 // of its begin, seconds since 1970

	Requests uint64 // that have ended
	Failed   uint64 // of them, by a fault of the server: status 500 and above
	Refused  uint64 // of them, since there were too many: status 429

	Answers       uint64
	PromptTokens  uint64
	CachedTokens  uint64 // of prompts, computed before
	AnswerTokens  uint64
	Drafted       uint64
	Accepted      uint64 // of the drafted tokens
	DecodeSeconds float64

	// Seconds: of requests, and of answers.
	RequestTime, QueueTime, FirstToken, TokenTime Dist

	// Looked at each second. Memory and Cache are in GiB, Processor in processors.
	Running, Waiting, Connections, Memory, Cache, Processor Dist
}

// Merge adds what a later stretch of time holds.
func (r *Record) Merge(o *Record) {
	r.Requests += o.Requests
	r.Failed += o.Failed
	r.Refused += o.Refused
	r.Answers += o.Answers
	r.PromptTokens += o.PromptTokens
	r.CachedTokens += o.CachedTokens
	r.AnswerTokens += o.AnswerTokens
	r.Drafted += o.Drafted
	r.Accepted += o.Accepted
	r.DecodeSeconds += o.DecodeSeconds
	theirs := o.dists()
	for i, d := range r.dists() {
		d.Merge(theirs[i])
	}
}

func (r *Record) dists() []*Dist {
	return []*Dist{
		&r.RequestTime, &r.QueueTime, &r.FirstToken, &r.TokenTime,
		&r.Running, &r.Waiting, &r.Connections, &r.Memory, &r.Cache, &r.Processor,
	}
}

// Speed is the tokens a second at which one answer was written, NaN without answers.
func (r *Record) Speed() float64 {
	if r.DecodeSeconds == 0 {
		return math.NaN()
	}
	return float64(r.AnswerTokens) / r.DecodeSeconds
}

// FailedShare is the share of requests that failed, NaN without requests.
func (r *Record) FailedShare() float64 { return float64(r.Failed) / float64(r.Requests) }

// CachedShare is the share of the prompts' tokens that were computed before, NaN without any.
func (r *Record) CachedShare() float64 { return float64(r.CachedTokens) / float64(r.PromptTokens) }

// AcceptedShare is the share of drafted tokens that the model chose too, NaN without any.
func (r *Record) AcceptedShare() float64 { return float64(r.Accepted) / float64(r.Drafted) }

// valid reports whether a record from a file makes sense in its slot.
func (r *Record) valid(slot int) bool {
	if r.Time <= 0 || r.Time%60 != 0 || slotOf(r.Time) != slot || !amount(r.DecodeSeconds) {
		return false
	}
	for _, d := range r.dists() {
		var n uint64
		for _, b := range d.Buckets {
			n += uint64(b)
		}
		if n != d.Count || !amount(d.Sum) || !amount(d.Peak) {
			return false
		}
	}
	return true
}

// amount reports whether a number can be a sum of what a server measures. Quotients of such numbers
// are finite.
func amount(v float64) bool { return v == 0 || v >= 1e-100 && v <= 1e100 }
