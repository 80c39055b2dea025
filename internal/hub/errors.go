package hub

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"trit/setting"
)

// StatusError is an answer of the Hub, or of a server that it redirects to, which is no success.
type StatusError struct {
	Status  int
	Code    string        // the Hub's X-Error-Code, such as GatedRepo; "" if the answer has none
	Wait    time.Duration // how long the server wants to be left alone
	text    *setting.Error
	expired bool // the address of a CDN has expired
}

// Error says what the server refused, and names an option if one helps.
func (e *StatusError) Error() string { return e.text.Error() }

// Unwrap returns the text, in which options have names that a front end can replace.
func (e *StatusError) Unwrap() error { return e.text }

// UnreachableError is the failure of a server to answer, or to answer completely.
type UnreachableError struct {
	Host  string
	Err   error
	broke bool
}

// Error names the host and the cause.
func (e *UnreachableError) Error() string { return e.text().Error() }

// Unwrap returns the cause and the text, in which options have names that a front end can
// replace.
func (e *UnreachableError) Unwrap() []error { return []error{e.Err, e.text()} }

func (e *UnreachableError) text() *setting.Error {
	if e.broke {
		return &setting.Error{Problem: e.Host + " broke off", Err: e.Err, Remedy: "the same command goes on from there"}
	}
	return &setting.Error{
		Field: "hub.Client.Endpoint", Problem: "cannot reach " + e.Host, Err: e.Err,
		Remedy: "{hub.Client.Endpoint} names a mirror, {hub.Client.Offline} takes what the cache has",
	}
}

// MismatchError is a file that is not what the Hub says it is. It was deleted.
type MismatchError struct{ File, Expected, Found string }

// Error names the file, what was expected and what came.
func (e *MismatchError) Error() string { return e.text().Error() }

// Unwrap returns the text, in which options have names that a front end can replace.
func (e *MismatchError) Unwrap() error { return e.text() }

func (e *MismatchError) text() *setting.Error {
	return setting.Needs("hub.Client.Endpoint", fmt.Sprintf("%s: expected %s, found %s", e.File, e.Expected, e.Found),
		"what came was deleted, fetch it again or from another {hub.Client.Endpoint}")
}

// errOffline is the error of a file that would have to be fetched.
var errOffline = errors.New("not in the cache, and nobody was asked for it")

// statusError explains an answer that is no success. path is the file that was asked for, or ""
// for the list of files.
func (j *job) statusError(r *response, path string) *StatusError {
	e := &StatusError{Status: r.StatusCode, Code: r.Header.Get("X-Error-Code"), Wait: askedWait(r.Header, time.Now())}
	if !j.isEndpoint(r.Request.URL) {
		e.expired = e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden ||
			e.Status == http.StatusNotFound || e.Status == http.StatusGone
		e.text = problem("%s answers %d for %s", r.Request.URL.Host, e.Status, path)
		return e
	}
	e.text = j.explain(e, r.Header.Get("X-Error-Message"), path)
	return e
}

// problem makes an error that no option helps against.
func problem(format string, args ...any) *setting.Error {
	return &setting.Error{Problem: fmt.Sprintf(format, args...)}
}

// needsToken makes an error that a token, or another token, helps against.
func needsToken(remedy, format string, args ...any) *setting.Error {
	return setting.Needs("hub.Client.Token", fmt.Sprintf(format, args...), remedy)
}

func (j *job) explain(e *StatusError, message, path string) *setting.Error {
	id := j.repo.ID
	switch {
	case e.Status == http.StatusTooManyRequests:
		return j.explainRate(e)
	case e.Code == "GatedRepo":
		return needsToken("accept its conditions at "+j.page()+", and give a token of the account that did, "+
			"by {hub.Client.Token}", "%s is gated", id)
	case e.Code == "RevisionNotFound":
		return problem("%s has no revision %q: its page %s lists branches and tags", id, j.repo.Revision, j.page())
	case e.Code == "EntryNotFound", e.Status == http.StatusNotFound && e.Code == "" && path != "":
		return problem("%s has no file %q", j.repo, path)
	case e.Code == "" && e.Status == http.StatusNotFound:
		return problem("there is no %s %s at %s, or it has no revision %q", j.repo.Kind, id, j.base.Host, j.repo.Revision)
	case e.Status == http.StatusUnauthorized && j.Token != "" && e.Code == "":
		return needsToken("it is wrong or has expired; give another by {hub.Client.Token}", "%s refuses the token for %s",
			j.base.Host, id)
	case e.Status == http.StatusUnauthorized, e.Code == "RepoNotFound":
		return j.explainMissing()
	case e.Status == http.StatusForbidden && j.Token != "":
		return needsToken("give one that may, by {hub.Client.Token}", "the token may not read %s", id)
	case e.Status == http.StatusForbidden:
		return needsToken("give one by {hub.Client.Token}", "%s may not be read without a token", id)
	}
	text := fmt.Sprintf("%s answers %d for %s", j.base.Host, e.Status, j.repo)
	if message != "" {
		text += fmt.Sprintf(" and says %q", clip(message))
	}
	return problem("%s", text)
}

// explainMissing explains that the Hub does not show a repository. The Hub gives the same answer
// for a private repository and for one that does not exist.
func (j *job) explainMissing() *setting.Error {
	text := fmt.Sprintf("there is no %s %s at %s", j.repo.Kind, j.repo.ID, j.base.Host)
	remedy := "check the name"
	if j.Token == "" {
		text += ", or it is private or gated"
		remedy += ", or give a token by {hub.Client.Token}"
	} else {
		text += " that this token may see"
	}
	if j.repo.Kind == Model {
		remedy += "; a data set needs {hub.Repo.Kind}"
	}
	return setting.Needs("hub.Client.Token", text, remedy)
}

func (j *job) explainRate(e *StatusError) *setting.Error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s has had too many requests", j.base.Host)
	if e.Wait > 0 {
		fmt.Fprintf(&text, " and wants to be left alone for %v", e.Wait.Round(time.Second))
	}
	if j.Token != "" {
		return problem("%s; try again later", text.String())
	}
	return setting.Needs("hub.Client.Token", text.String(), "a token ({hub.Client.Token}) may have more")
}

// page is the address of the repository for people.
func (j *job) page() string {
	if j.repo.Kind == Dataset {
		return j.base.JoinPath("datasets", j.repo.ID).String()
	}
	return j.base.JoinPath(j.repo.ID).String()
}
