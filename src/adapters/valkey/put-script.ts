import { ENTRY_CODEC_VERSION } from './entry-codec.ts';

/**
 * Stores an entry unless a newer one is there.
 *
 * KEYS[1] place, ARGV[1] sealed entry, ARGV[2] TTL in ms, ARGV[3] '1': may be stored where nothing is, '0': only in the
 * place of another entry. Returns 1 if stored.
 *
 * Revisions and asOf are compared byte by byte. As Lua numbers they would be exact only to 2^53, and Lua compares
 * strings by the collation of the server's locale, in which bytes above 127 come in any order. Revision and asOf lie side
 * by side, big-endian, so one comparison over 16 bytes is "newer revision, or equal and higher asOf".
 *
 * What is there but is not in our format, of whatever type, is replaced.
 */
export const PUT_SCRIPT = `
local held = redis.pcall('GETRANGE', KEYS[1], 0, 19)
local ours = type(held) == 'string' and #held == 20 and string.byte(held, 1) == 80
  and string.byte(held, 2) == ${ENTRY_CODEC_VERSION}
if ours then
  for i = 5, 21 do
    if i == 21 then return 0 end
    local theirs, mine = string.byte(held, i), string.byte(ARGV[1], i)
    if mine > theirs then break end
    if mine < theirs then return 0 end
  end
elseif ARGV[3] == '0' then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`;
