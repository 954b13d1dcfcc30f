// Package fpm knows php-fpm: it asks a pool how it is (ping and status page, by
// FastCGI and without a web server), judges the answer by thresholds, and runs
// php-fpm for as long as it is needed.
//
// A Client tells four things apart that look alike from a web server: nobody
// listens, the pool takes connections but has no worker free, the pool answers
// that there is no such page, and what answers is not php-fpm. See Kind.
package fpm
