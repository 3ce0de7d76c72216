// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGroupKeyConsumer} from "./interfaces/IGroupKeyConsumer.sol";
import {
    IOracleRegistry,
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
    uint256 private constant DEVELOPMENT_CHAIN_ID = 31337;

    bytes32 private constant GROUP_KEY_TYPEHASH = keccak256(
        "GroupKey(uint32 keyEpoch,uint32 registryVersion,bytes32 transcriptHash,uint256 participants,uint256 px)"
    );
    bytes32 private constant QUOTE_TYPEHASH = keccak256(
        "Quote(uint32 keyEpoch,bytes32 feedId,uint40 round,uint80 price,uint16 confidence,uint40 observedAt,bytes32 sourcesRoot)"
    );

    uint256 private immutable _n;
    uint256 private immutable _f;
    uint256 private immutable _q;
    address private immutable _signerTable;

    //  One slot, read by every check of a quorum:
    //
    //      255      200 199       192 191      64 63            32 31       0
    //     ┌────────────┬─────────────┬───────────┬────────────────┬──────────┐
    //     │  unused 56 │suspensions 8│suspended  │registryVersion │ keyEpoch │
    //     │            │(this epoch) │       128 │             32 │       32 │
    //     └────────────┴─────────────┴───────────┴────────────────┴──────────┘
    uint32 private _keyEpoch;
    uint32 private _registryVersion = 1;
    uint128 private _suspended;
    uint8 private _suspensionsThisEpoch;

    uint256 private _groupKeyX;
    bytes32 private _transcriptHash;
    uint256 private _participants;

    Member[] private _members;
    Member[] private _aggregators;
    Member[] private _relayers;
    Member[] private _gateways;
    IGroupKeyConsumer[] private _consumers;
    mapping(address identity => uint256) private _slotPlusOne;
    /// @dev Bit i: an equivocation of the member in slot i was recorded in that key epoch.
    mapping(uint32 keyEpoch => uint256 slots) private _recordedIn;

    constructor(
        Member[] memory members_,
        NetworkServices memory services,
        IGroupKeyConsumer[] memory consumers_
    ) {
        uint256 n = members_.length;
        uint256 minimum = block.chainid == DEVELOPMENT_CHAIN_ID ? 1 : MIN_MEMBERS;
        require(n >= minimum, TooFewMembers(n, minimum));
        require(n <= MAX_MEMBERS, TooManyMembers(n, MAX_MEMBERS));
        _n = n;
        _f = (n - 1) / 3;
        // Invariant 16: ⌈(n + f + 1) / 2⌉ makes any two quorums share more than f members.
        _q = (n + _f + 2) / 2;

        _requireUnique(_everybody(members_, services));
        address[] memory identities = new address[](n);
        for (uint256 i = 0; i < n; ++i) {
            identities[i] = members_[i].identity;
            _slotPlusOne[identities[i]] = i + 1;
        }
        _append(_members, members_);
        _append(_aggregators, services.aggregators);
        _append(_relayers, services.relayers);
        _append(_gateways, services.gateways);
        _signerTable = SignerTable.store(identities);
        for (uint256 i = 0; i < consumers_.length; ++i) {
            _consumers.push(consumers_[i]);
        }
    }

    function rotateGroupKey(
        uint256 px,
        bytes32 transcriptHash,
        uint256 participants,
        address r,
        uint256 s,
        Signature[] calldata signatures
    ) external {
        uint256 allowed = ((1 << _n) - 1) & ~uint256(_suspended);
        require(participants & ~allowed == 0, InvalidParticipants(participants, allowed));
        uint256 holders = _countBits(participants);
        require(holders >= _q, TooFewParticipants(holders, _q));

        uint32 keyEpoch = _keyEpoch + 1;
        bytes32 digest = _typedDigest(
            keccak256(abi.encode(GROUP_KEY_TYPEHASH, keyEpoch, _registryVersion, transcriptHash, participants, px))
        );
        require(Schnorr.verify(px, digest, r, s), InvalidGroupSignature(px));
        verifyQuorum(digest, signatures);

        _keyEpoch = keyEpoch;
        _suspensionsThisEpoch = 0;
        _groupKeyX = px;
        _transcriptHash = transcriptHash;
        _participants = participants;
        emit GroupKeyRotated(keyEpoch, px, participants, transcriptHash, _registryVersion);

        for (uint256 i = 0; i < _consumers.length; ++i) {
            _consumers[i].setGroupKey(keyEpoch, px);
        }
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

        uint256 slotPlusOne = _slotPlusOne[signer];
        require(slotPlusOne != 0, NotActiveMember(signer));
        uint256 slot = slotPlusOne - 1;
        uint128 slotBit = uint128(1 << slot);
        require(_suspended & slotBit == 0, NotActiveMember(signer));

        uint256 active = _n - _countBits(_suspended);
        if (_suspensionsThisEpoch >= _f || active <= _q) {
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
        require(signatures.length >= _q, QuorumNotReached(signatures.length, _q));
        uint256 suspended = _suspended;
        (uint256 cursor, uint256 end) = SignerTable.load(_signerTable, _n);
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

    function state() external view returns (RegistryState memory) {
        return RegistryState({
            keyEpoch: _keyEpoch,
            registryVersion: _registryVersion,
            members: uint8(_n),
            faults: uint8(_f),
            quorum: uint8(_q),
            groupKeyX: _groupKeyX,
            transcriptHash: _transcriptHash,
            participants: _participants,
            suspended: _suspended
        });
    }

    function members() external view returns (Member[] memory) {
        return _members;
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
        uint256 slotPlusOne = _slotPlusOne[identity];
        return slotPlusOne == 0 ? (false, 0) : (true, slotPlusOne - 1);
    }

    function DOMAIN_SEPARATOR() public view returns (bytes32) {
        return OracleDomain.separator(address(this));
    }

    /// @dev Members, aggregators, relayers and gateways, one after the other.
    function _everybody(Member[] memory members_, NetworkServices memory services)
        private
        pure
        returns (Member[] memory all)
    {
        uint256 count = services.aggregators.length + services.relayers.length + services.gateways.length;
        require(count <= MAX_SERVICES, TooManyServices(count, MAX_SERVICES));
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
    function _requireUnique(Member[] memory entries) private pure {
        bytes32[] memory identities = new bytes32[](2 * entries.length);
        bytes32[] memory peerKeys = new bytes32[](2 * entries.length);
        for (uint256 i = 0; i < entries.length; ++i) {
            Member memory entry = entries[i];
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
