// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IGroupKeyConsumer} from "./interfaces/IGroupKeyConsumer.sol";
import {
    IOracleRegistry,
    KeyView,
    Member,
    NetworkServices,
    Quote,
    RegistryState,
    Signature
} from "./interfaces/IOracleRegistry.sol";
import {CompactSignature} from "./libraries/CompactSignature.sol";
import {OracleDomain} from "./libraries/OracleDomain.sol";
import {Schnorr} from "./libraries/Schnorr.sol";
import {SignerTable} from "./libraries/SignerTable.sol";

/// @notice Documented in IOracleRegistry.
contract OracleRegistry is IOracleRegistry {
    using CompactSignature for bytes32;

    /// @dev Slots are bits of a uint128, and the table of signers stays one account's code.
    uint256 public constant MAX_MEMBERS = 128;
    /// @dev With as many members as there can be, the deployment fits the 2^24 gas of a transaction (EIP-7825).
    uint256 public constant MAX_SERVICES = 64;

    uint256 private constant MIN_MEMBERS = 4;
    /// @dev A report may be 30 s old, and blocks are seconds apart: shorter, what is on its way would be lost.
    uint256 private constant MIN_HANDOVER_SEC = 1 minutes;
    /// @dev So long at most does a stolen key count after the second rotation that follows the theft.
    uint256 private constant MAX_HANDOVER_SEC = 1 days;
    uint256 private constant DEVELOPMENT_CHAIN_ID = 31337;

    bytes32 private constant GROUP_KEY_TYPEHASH = keccak256(
        "GroupKey(uint32 keyEpoch,uint32 registryVersion,uint32 memberSet,bytes32 transcriptHash,uint256 participants,uint256 px)"
    );
    bytes32 private constant MEMBER_SET_TYPEHASH =
        keccak256("MemberSet(uint32 registryVersion,bytes32 membersHash)");
    bytes32 private constant QUOTE_TYPEHASH = keccak256(
        "Quote(uint32 keyEpoch,bytes32 feedId,uint40 round,uint80 price,uint16 confidence,uint40 observedAt,bytes32 sourcesRoot)"
    );

    //  A list of members. Its first slot is read by every check of a quorum, with the code at signerTable:
    //
    //      255       176 175  168 167  160 159           0
    //     ┌─────────────┬────────┬────────┬───────────────┐
    //     │   unused    │   q    │   n    │  signerTable  │
    //     └─────────────┴────────┴────────┴───────────────┘
    struct MemberList {
        address signerTable;
        uint8 n;
        uint8 q;
        /// @dev Bit i: somebody is in slot i.
        uint128 slots;
        /// @dev keccak256(abi.encode(members)).
        bytes32 membersHash;
        Member[] members;
    }

    struct Key {
        uint256 px;
        bytes32 transcriptHash;
        uint128 participants;
        uint32 memberSet;
    }

    address public immutable timelock;
    uint256 private immutable _handoverSec;

    //  Read by every check of a quorum:
    //
    //      255    232 231        200 199          192 191       64 63             32 31      0
    //     ┌──────────┬─────────────┬──────────────┬────────────┬────────────────┬─────────┐
    //     │unused 24 │memberSet 32 │suspensions 8 │suspended   │registryVersion │keyEpoch │
    //     │          │             │(this epoch)  │        128 │             32 │      32 │
    //     └──────────┴─────────────┴──────────────┴────────────┴────────────────┴─────────┘
    uint32 private _keyEpoch;
    uint32 private _registryVersion = 1;
    uint128 private _suspended;
    uint8 private _suspensionsThisEpoch;
    uint32 private _memberSet = 1;

    /// @dev Of the set before the one in force, when it was replaced. In one slot with the next three.
    uint128 private _suspendedBefore;
    uint40 private _switchesAt;
    uint32 private _latestSet;
    uint32 private _pendingSet;

    /// @dev Among the members in force when the pending set was proposed: whose suspensions its signers knew of.
    uint128 private _suspendedAtProposal;

    mapping(uint32 memberSet => MemberList) private _lists;
    /// @dev The newest and the one before it, each at the parity of its key epoch.
    Key[2] private _keys;
    Member[] private _aggregators;
    Member[] private _relayers;
    Member[] private _gateways;
    IGroupKeyConsumer[] private _consumers;
    /// @dev Bit i: an equivocation of the member in slot i was recorded in that key epoch.
    mapping(uint32 keyEpoch => uint256 slots) private _recordedIn;
    /// @dev From which key epoch on proofs count against somebody that had been suspended.
    mapping(address identity => uint256 keyEpoch) private _answersFrom;

    constructor(
        Member[] memory members_,
        NetworkServices memory services,
        IGroupKeyConsumer[] memory consumers_,
        uint32 handoverSec,
        address timelock_
    ) {
        uint256 minimum = block.chainid == DEVELOPMENT_CHAIN_ID ? 1 : MIN_HANDOVER_SEC;
        require(
            handoverSec >= minimum && handoverSec <= MAX_HANDOVER_SEC,
            HandoverOutOfRange(handoverSec, minimum, MAX_HANDOVER_SEC)
        );
        uint256 count = services.aggregators.length + services.relayers.length + services.gateways.length;
        require(count <= MAX_SERVICES, TooManyServices(count, MAX_SERVICES));
        _handoverSec = handoverSec;
        timelock = timelock_;
        _storeList(members_, keccak256(abi.encode(members_)), services);
        _append(_aggregators, services.aggregators);
        _append(_relayers, services.relayers);
        _append(_gateways, services.gateways);
        for (uint256 i = 0; i < consumers_.length; ++i) {
            _consumers.push(consumers_[i]);
        }
    }

    function proposeMembers(Member[] calldata members_, Signature[] calldata signatures) external {
        uint32 version = _registryVersion;
        bytes32 membersHash = keccak256(abi.encode(members_));
        verifyQuorum(
            _typedDigest(keccak256(abi.encode(MEMBER_SET_TYPEHASH, version, membersHash))), signatures
        );
        _registryVersion = version + 1;
        uint128 suspended = _suspended;
        uint32 pendingSet = _pendingSet;
        // Whom it would reinstate its signers know: the version that they signed says whether a set is pending.
        if (membersHash == _lists[_memberSet].membersHash && (pendingSet != 0 || suspended == 0)) {
            _pendingSet = 0;
            emit MembersWithdrawn(pendingSet, version + 1);
            return;
        }
        _requireSlotsKept(members_, _memberSet);
        if (_keyEpoch > 1) _requireSlotsKept(members_, _previousSet());
        uint32 memberSet = _storeSuccessors(members_, membersHash);
        _pendingSet = memberSet;
        _suspendedAtProposal = suspended;
        emit MembersProposed(memberSet, version + 1, members_);
    }

    function rotateGroupKey(
        uint256 px,
        bytes32 transcriptHash,
        uint256 participants,
        address r,
        uint256 s,
        Signature[] calldata signatures
    ) external {
        require(block.timestamp >= _switchesAt, HandoverNotOver(block.timestamp, _switchesAt));
        bool isPending = _pendingSet != 0;
        uint32 memberSet = isPending ? _pendingSet : _memberSet;
        uint256 suspended = isPending ? _pendingSuspended() : _suspended;
        _checkParticipants(participants, memberSet, suspended);

        uint32 keyEpoch = _keyEpoch + 1;
        uint32 version = _registryVersion;
        bytes32 digest = _typedDigest(
            keccak256(
                abi.encode(
                    GROUP_KEY_TYPEHASH, keyEpoch, version, memberSet, transcriptHash, participants, px
                )
            )
        );
        require(Schnorr.verify(px, digest, r, s), InvalidGroupSignature(px));
        verifyQuorum(digest, signatures);

        if (isPending) _bringIntoForce(memberSet, uint128(suspended), keyEpoch);
        _keyEpoch = keyEpoch;
        // A list that was signed for the version before cannot be brought months later.
        _registryVersion = version + 1;
        _suspensionsThisEpoch = 0;
        _keys[keyEpoch % 2] = Key(px, transcriptHash, uint128(participants), memberSet);
        // There is nobody to take over from for the first key, and for the first one after installSet.
        uint256 handoverSec = _keys[(keyEpoch - 1) % 2].px == 0 ? 0 : _handoverSec;
        uint40 switchesAt = uint40(block.timestamp + handoverSec);
        _switchesAt = switchesAt;
        emit GroupKeyRotated(
            keyEpoch, memberSet, px, participants, transcriptHash, version + 1, switchesAt
        );
        _tellConsumers(keyEpoch, px, uint40(switchesAt + handoverSec));
    }

    function installSet(Member[] calldata members_) external {
        require(msg.sender == timelock, Unauthorized(msg.sender, timelock));
        // Nobody's slot is kept: a captured quorum could list those who are chosen, in slots that are not theirs, while
        // the timelock waits.
        uint32 memberSet = _storeSuccessors(members_, keccak256(abi.encode(members_)));
        uint32 keyEpoch = _keyEpoch + 1;
        uint32 version = _registryVersion + 1;
        _bringIntoForce(memberSet, 0, keyEpoch);
        _keyEpoch = keyEpoch;
        _registryVersion = version;
        _suspensionsThisEpoch = 0;
        // Whoever took the old key or its members' identities must not certify another second: no handover.
        delete _keys[(keyEpoch - 1) % 2];
        _keys[keyEpoch % 2] = Key({px: 0, transcriptHash: 0, participants: 0, memberSet: memberSet});
        uint40 time = uint40(block.timestamp);
        _switchesAt = time;
        emit MembersInstalled(memberSet, version, keyEpoch, members_);
        _tellConsumers(keyEpoch, 0, time);
    }

    function suspendEquivocator(
        Quote calldata first,
        Signature calldata firstSignature,
        Quote calldata second,
        Signature calldata secondSignature
    ) external {
        uint32 keyEpoch = _keyEpoch;
        // Not only the current one: a rotation would wash every member clean.
        require(first.keyEpoch <= keyEpoch, KeyEpochInFuture(first.keyEpoch, keyEpoch));
        require(first.keyEpoch == second.keyEpoch, DifferentKeyEpochs(first.keyEpoch, second.keyEpoch));
        require(first.feedId == second.feedId && first.round == second.round, NotSameRound());
        bytes32 firstDigest = _quoteDigest(first);
        bytes32 secondDigest = _quoteDigest(second);
        require(firstDigest != secondDigest, SameQuote(firstDigest));

        address signer = firstDigest.recover(firstSignature);
        require(signer != address(0), InvalidSignature(0));
        address secondSigner = secondDigest.recover(secondSignature);
        require(secondSigner != address(0), InvalidSignature(1));
        require(signer == secondSigner, DifferentSigners(signer, secondSigner));

        MemberList storage list = _lists[_memberSet];
        uint128 slotBit = uint128(_slotBitOf(list, signer));
        require(slotBit & ~_suspended != 0, NotActiveMember(signer));
        uint256 answersFrom = _answersFrom[signer];
        require(first.keyEpoch >= answersFrom, EvidenceSpent(first.keyEpoch, answersFrom));

        uint256 slot = Math.log2(slotBit);
        if (_suspensionsThisEpoch >= _faults(list.n) || list.n - _countBits(_suspended) <= list.q) {
            // Two who bring the same proof both succeed, and nobody fills the log with one proof.
            uint256 recorded = _recordedIn[keyEpoch];
            if (recorded & slotBit == 0) {
                _recordedIn[keyEpoch] = recorded | slotBit;
                emit EquivocationRecorded(signer, slot, keyEpoch);
            }
            return;
        }
        _suspended |= slotBit;
        _suspensionsThisEpoch += 1;
        _registryVersion += 1;
        emit MemberSuspended(signer, slot, keyEpoch, _registryVersion);
    }

    function verifyQuorum(bytes32 digest, Signature[] calldata signatures) public view {
        _verifyQuorum(digest, signatures, _memberSet, _suspended);
    }

    function verifyQuorumAt(bytes32 digest, Signature[] calldata signatures, uint256 timeSec) external view {
        if (timeSec < _switchesAt && _keyEpoch > 1) _verifyPreviousQuorum(digest, signatures);
        else verifyQuorum(digest, signatures);
    }

    function verifyQuorumOf(bytes32 digest, Signature[] calldata signatures, uint32 keyEpoch) external view {
        uint32 newest = _keyEpoch;
        if (keyEpoch == newest) {
            verifyQuorum(digest, signatures);
        } else {
            require(newest > 1 && keyEpoch == newest - 1, KeyEpochForgotten(keyEpoch, newest));
            _verifyPreviousQuorum(digest, signatures);
        }
    }

    function verifyOneHonest(bytes32 digest, Signature[] calldata signatures) external view {
        MemberList storage list = _lists[_memberSet];
        _verifySignatures(digest, signatures, list, _faults(list.n) + 1, _suspended);
    }

    function state() external view returns (RegistryState memory) {
        uint32 keyEpoch = _keyEpoch;
        KeyView memory newest = _viewOf(keyEpoch);
        newest.memberSet = _memberSet;
        newest.suspended = _suspended;
        KeyView memory previous;
        // Of the members that installSet replaced nothing is left.
        if (keyEpoch > 1 && _previousSet() != 0) {
            previous = _viewOf(keyEpoch - 1);
            previous.suspended = _suspendedIn(previous.memberSet);
        }
        return RegistryState({
            registryVersion: _registryVersion,
            switchesAt: _switchesAt,
            handoverSec: uint32(_handoverSec),
            pendingSet: _pendingSet,
            pendingSuspended: _pendingSet == 0 ? 0 : _pendingSuspended(),
            newest: newest,
            previous: previous
        });
    }

    function members() external view returns (Member[] memory) {
        return _lists[_memberSet].members;
    }

    function membersOf(uint32 memberSet) external view returns (Member[] memory) {
        require(memberSet != 0 && memberSet <= _latestSet, UnknownMemberSet(memberSet, _latestSet));
        return _lists[memberSet].members;
    }

    function aggregators() external view returns (Member[] memory) {
        return _aggregators;
    }

    function relayers() external view returns (Member[] memory) {
        return _relayers;
    }

    function gateways() external view returns (Member[] memory) {
        return _gateways;
    }

    function consumers() external view returns (address[] memory all) {
        all = new address[](_consumers.length);
        for (uint256 i = 0; i < all.length; ++i) {
            all[i] = address(_consumers[i]);
        }
    }

    function slotOf(address identity) external view returns (bool isMember, uint256 slot) {
        uint256 slotBit = _slotBitOf(_lists[_memberSet], identity);
        return (slotBit != 0, Math.log2(slotBit));
    }

    function DOMAIN_SEPARATOR() public view returns (bytes32) {
        return OracleDomain.separator(address(this));
    }

    /// @dev Stores a list that comes after that of the deployment.
    function _storeSuccessors(Member[] calldata members_, bytes32 membersHash) private returns (uint32 memberSet) {
        return _storeList(members_, membersHash, NetworkServices(_aggregators, _relayers, _gateways));
    }

    /// @dev Stores a list under the next number, after every check that needs no other list.
    function _storeList(Member[] memory members_, bytes32 membersHash, NetworkServices memory services)
        private
        returns (uint32 memberSet)
    {
        uint256 length = members_.length;
        require(length <= MAX_MEMBERS, TooManyMembers(length, MAX_MEMBERS));
        _requireUnique(_everybody(members_, services), length);
        address[] memory identities = new address[](length);
        uint256 slots = 0;
        for (uint256 i = 0; i < length; ++i) {
            identities[i] = members_[i].identity;
            if (identities[i] != address(0)) slots |= 1 << i;
        }
        uint256 n = _countBits(slots);
        uint256 minimum = block.chainid == DEVELOPMENT_CHAIN_ID ? 1 : MIN_MEMBERS;
        require(n >= minimum, TooFewMembers(n, minimum));

        memberSet = _latestSet + 1;
        _latestSet = memberSet;
        MemberList storage list = _lists[memberSet];
        list.signerTable = SignerTable.store(identities);
        list.n = uint8(n);
        // Invariant 16: ⌈(n + f + 1) / 2⌉ makes any two quorums share more than f members.
        list.q = uint8((n + _faults(n) + 2) / 2);
        list.slots = uint128(slots);
        list.membersHash = membersHash;
        _append(list.members, members_);
    }

    /// @dev Whoever is in that set and listed again must have the slot that it has there.
    function _requireSlotsKept(Member[] calldata members_, uint32 memberSet) private view {
        (uint256 start, uint256 end) = _loadSigners(_lists[memberSet]);
        for (uint256 i = 0; i < members_.length; ++i) {
            (, uint256 slotBit) = SignerTable.find(start, end, members_[i].identity);
            require(
                slotBit == 0 || slotBit == 1 << i, SlotMoved(members_[i].identity, i, Math.log2(slotBit))
            );
        }
    }

    function _checkParticipants(uint256 participants, uint32 memberSet, uint256 suspended) private view {
        MemberList storage list = _lists[memberSet];
        uint256 allowed = list.slots & ~suspended;
        require(participants & ~allowed == 0, InvalidParticipants(participants, allowed));
        uint256 holders = _countBits(participants);
        require(holders >= list.q, TooFewParticipants(holders, list.q));
    }

    /// @dev Whom a suspension follows into the pending set: those who stay, and were suspended after the quorum had
    /// decided on it. The others it has seen suspended, and listed or left out.
    function _pendingSuspended() private view returns (uint256 suspended) {
        Member[] storage inForce = _lists[_memberSet].members;
        MemberList storage pending = _lists[_pendingSet];
        uint256 bits = _suspended & ~_suspendedAtProposal & pending.slots;
        for (; bits != 0; bits &= bits - 1) {
            uint256 slotBit = bits & (~bits + 1);
            uint256 slot = Math.log2(slotBit);
            if (inForce[slot].identity == pending.members[slot].identity) suspended |= slotBit;
        }
    }

    /// @dev Whoever was suspended, and is no more, has answered for all key epochs until now: without that, the proof of
    /// then would suspend again whom the quorum has just reinstated.
    /// @param stay Who is suspended in the new set, too.
    function _bringIntoForce(uint32 memberSet, uint128 stay, uint32 keyEpoch) private {
        uint128 suspended = _suspended;
        Member[] storage replaced = _lists[_memberSet].members;
        for (uint256 bits = suspended & ~stay; bits != 0; bits &= bits - 1) {
            _answersFrom[replaced[Math.log2(bits & (~bits + 1))].identity] = keyEpoch;
        }
        _suspendedBefore = suspended;
        _suspended = stay;
        _memberSet = memberSet;
        _pendingSet = 0;
    }

    /// @dev The members of the key before the newest one; there must be one.
    function _verifyPreviousQuorum(bytes32 digest, Signature[] calldata signatures) private view {
        uint32 memberSet = _previousSet();
        // As long as the consumers take the key: those who left must not certify for as long as the feed is silent. And
        // whom installSet replaced certifies no more.
        uint256 until = memberSet == 0 ? _switchesAt : _switchesAt + _handoverSec;
        require(block.timestamp < until, HandoverOver(block.timestamp, until));
        _verifyQuorum(digest, signatures, memberSet, _suspendedIn(memberSet));
    }

    function _verifyQuorum(
        bytes32 digest,
        Signature[] calldata signatures,
        uint32 memberSet,
        uint256 suspended
    ) private view {
        MemberList storage list = _lists[memberSet];
        _verifySignatures(digest, signatures, list, list.q, suspended);
    }

    function _verifySignatures(
        bytes32 digest,
        Signature[] calldata signatures,
        MemberList storage list,
        uint256 required,
        uint256 suspended
    ) private view {
        require(signatures.length >= required, QuorumNotReached(signatures.length, required));
        (uint256 cursor, uint256 end) = _loadSigners(list);
        address previous = address(0);
        for (uint256 i = 0; i < signatures.length; ++i) {
            address signer = digest.recover(signatures[i]);
            require(signer != address(0), InvalidSignature(i));
            require(signer > previous, SignersNotAscending(i, previous, signer));
            uint256 slotBit;
            (cursor, slotBit) = SignerTable.find(cursor, end, signer);
            require(slotBit & ~suspended != 0, NotActiveMember(signer));
            previous = signer;
        }
    }

    /// @dev The set of the key before the newest one; there must be one. 0 when installSet has ended it.
    function _previousSet() private view returns (uint32) {
        return _keys[(_keyEpoch - 1) % 2].memberSet;
    }

    /// @dev Of the set in force, or of that of the previous key.
    function _suspendedIn(uint32 memberSet) private view returns (uint256) {
        return memberSet == _memberSet ? _suspended : _suspendedBefore;
    }

    function _tellConsumers(uint32 keyEpoch, uint256 px, uint40 previousUntil) private {
        for (uint256 i = 0; i < _consumers.length; ++i) {
            _consumers[i].setGroupKey(keyEpoch, px, previousUntil);
        }
    }

    function _loadSigners(MemberList storage list) private view returns (uint256 start, uint256 end) {
        return SignerTable.load(list.signerTable, list.n);
    }

    /// @dev 1 << slot, or zero for whoever is not in the list.
    function _slotBitOf(MemberList storage list, address identity) private view returns (uint256 slotBit) {
        (uint256 cursor, uint256 end) = _loadSigners(list);
        (, slotBit) = SignerTable.find(cursor, end, identity);
    }

    function _viewOf(uint32 keyEpoch) private view returns (KeyView memory) {
        Key storage key = _keys[keyEpoch % 2];
        return KeyView({
            keyEpoch: keyEpoch,
            memberSet: key.memberSet,
            px: key.px,
            transcriptHash: key.transcriptHash,
            participants: key.participants,
            suspended: 0
        });
    }

    function _faults(uint256 n) private pure returns (uint256) {
        return (n - 1) / 3;
    }

    /// @dev Members, aggregators, relayers and gateways, one after the other.
    function _everybody(Member[] memory members_, NetworkServices memory services)
        private
        pure
        returns (Member[] memory all)
    {
        uint256 count = services.aggregators.length + services.relayers.length + services.gateways.length;
        all = new Member[](members_.length + count);
        uint256 filled = _copy(all, 0, members_);
        filled = _copy(all, filled, services.aggregators);
        filled = _copy(all, filled, services.relayers);
        _copy(all, filled, services.gateways);
    }

    function _copy(Member[] memory into, uint256 filled, Member[] memory list)
        private
        pure
        returns (uint256)
    {
        for (uint256 i = 0; i < list.length; ++i) {
            into[filled + i] = list[i];
        }
        return filled + list.length;
    }

    function _append(Member[] storage to, Member[] memory list) private {
        for (uint256 i = 0; i < list.length; ++i) {
            to.push(list[i]);
        }
    }

    /// @dev Through sets: comparing each entry with all before it would cost more than all the rest of a deployment.
    /// @param slots How many of the entries, from the first on, are slots, which may be empty.
    function _requireUnique(Member[] memory entries, uint256 slots) private pure {
        bytes32[] memory identities = new bytes32[](2 * entries.length);
        bytes32[] memory peerKeys = new bytes32[](2 * entries.length);
        for (uint256 i = 0; i < entries.length; ++i) {
            Member memory entry = entries[i];
            if (i < slots && entry.identity == address(0) && entry.peerKey == bytes32(0)) continue;
            require(entry.identity != address(0), ZeroIdentity(i));
            require(entry.peerKey != bytes32(0), ZeroPeerKey(i));
            require(_add(identities, bytes32(bytes20(entry.identity))), DuplicateIdentity(entry.identity));
            require(_add(peerKeys, entry.peerKey), DuplicatePeerKey(entry.peerKey));
        }
    }

    /// @dev A hash table at most half full: `value`, not zero, goes to the first free place from that of its hash on.
    /// @return added False when it is there already.
    function _add(bytes32[] memory set, bytes32 value) private pure returns (bool added) {
        uint256 i = uint256(keccak256(abi.encode(value))) % set.length;
        for (; set[i] != 0; i = (i + 1) % set.length) {
            if (set[i] == value) return false;
        }
        set[i] = value;
        return true;
    }

    function _quoteDigest(Quote calldata quote) private view returns (bytes32) {
        return _typedDigest(keccak256(abi.encode(QUOTE_TYPEHASH, quote)));
    }

    function _typedDigest(bytes32 structHash) private view returns (bytes32) {
        return OracleDomain.digest(DOMAIN_SEPARATOR(), structHash);
    }

    function _countBits(uint256 bits) private pure returns (uint256 count) {
        for (; bits != 0; bits &= bits - 1) {
            ++count;
        }
    }
}
