/** The command that runs another one until standard input ends, which it does when the starter is gone, however it went. */
export function watched(command: readonly string[]): readonly string[] {
  return ['sh', '-c', WATCHED, 'sh', ...command]
}

export const WATCHED = `
exec 3<&0
"$@" </dev/null 3<&- &
part=$!
( cat <&3 >/dev/null; kill -KILL $part ) &
watcher=$!
wait $part
code=$?
kill $watcher 2>/dev/null
exit $code
`
