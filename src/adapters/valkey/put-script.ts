import { ENTRY_CODEC_VERSION } from './entry-codec.ts';

export const PUT_COMMAND = 'paramdPut';

/**
 * Stores entries, each unless a newer one is there.
 *
 * KEYS are the places. ARGV has three for each: the sealed entry, its TTL in ms, and '1': may be stored where nothing is,
 * or '0': only in the place of another entry. Returns for each 1 if it was stored, else 0.
 *
 * Revisions and asOf are compared byte by byte. As Lua numbers they would be exact only to 2^53, and Lua compares
 * strings by the collation of the server's locale, in which bytes above 127 come in any order. Revision and asOf lie side
 * by side, big-endian, so one comparison over 16 bytes is "newer revision, or equal and higher asOf".
 *
 * What is there but is not in our format, of whatever type, is replaced.
 */
export const PUT_SCRIPT = `
local function put(place, entry, ttl, mayCreate)
  local held = redis.pcall('GETRANGE', place, 0, 19)
  local ours = type(held) == 'string' and #held == 20 and string.byte(held, 1) == 80
    and string.byte(held, 2) == ${ENTRY_CODEC_VERSION}
  if ours then
    for i = 5, 21 do
      if i == 21 then return 0 end
      local theirs, mine = string.byte(held, i), string.byte(entry, i)
      if mine > theirs then break end
      if mine < theirs then return 0 end
    end
  elseif mayCreate == '0' then
    return 0
  end
  redis.call('SET', place, entry, 'PX', ttl)
  return 1
end
local stored = {}
for i = 1, #KEYS do stored[i] = put(KEYS[i], ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i]) end
return stored
`;
