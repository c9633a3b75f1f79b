# GoBGP's configuration for this pod: the file given, with the pod's address and the password of LB pods in it. An awk
# program since GoBGP reads neither variables nor second files, and the image has no shell.
# Environment: POD_IP, OUT (the file to write), PASSWORD_FILE (empty: there is no password).

function fault(message) {
  print "route-reflector: " message > "/dev/stderr"
  failed = 1
  exit 1
}

# A TOML basic string.
function quoted(text,    at, character, result) {
  for (at = 1; at <= length(text); at++) {
    character = substr(text, at, 1)
    result = result (character == "\\" || character == "\"" ? "\\" : "") character
  }
  return "\"" result "\""
}

# Linux takes no longer one: TCP_MD5SIG_MAXKEYLEN.
function read_password(file,    password) {
  if ((getline password < file) <= 0) fault("there is no password in " file ": does the Secret have that key, and is it not empty?")
  sub(/\r$/, "", password)
  if (length(password) == 0 || length(password) > 80) fault("the password has " length(password) " bytes: 1 to 80 are possible (TCP MD5)")
  if (password ~ /[\001-\037]/) fault("the password has a control character in it")
  return quoted(password)
}

BEGIN {
  if (ENVIRON["POD_IP"] !~ /^[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+$/) fault("the pod's address is \"" ENVIRON["POD_IP"] "\": reflectors need an IPv4 address")
  if (ENVIRON["PASSWORD_FILE"] != "") password = read_password(ENVIRON["PASSWORD_FILE"])
}

{
  gsub(/@POD_IP@/, ENVIRON["POD_IP"])
  at = index($0, "@PASSWORD@")
  if (at > 0) $0 = substr($0, 1, at - 1) password substr($0, at + length("@PASSWORD@"))
  print > ENVIRON["OUT"]
}

END {
  if (failed) exit 1
  if (close(ENVIRON["OUT"]) != 0) fault("cannot write " ENVIRON["OUT"])
}
