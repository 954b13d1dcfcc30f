// Package diagnose finds the cause of a failure in what was seen of a FastCGI
// request: what broke, why, what to check and what to do.
//
// What was seen is a Facts. A Collector makes one for each request from the
// events of package flow, so captures and live traffic are judged alike; who
// probes an application adds what only a probe can know. Diagnose compares a
// Facts with the table that Rules returns, and Log compares lines of error
// logs with it.
//
// Nothing here sends anything.
package diagnose
