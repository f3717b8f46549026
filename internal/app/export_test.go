package app

// What tests look at beside the command line.
var (
	RehearsalLink = rehearsalLink
	OpenToken     = openToken
)
