// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Someone of the network: who it is on the chain, and who it is on the wire.
/// @param identity Signs what its role signs: a member quotes, reports and keys.
/// @param peerKey The Ed25519 public key of its libp2p peer id.
struct Member {
    address identity;
    bytes32 peerKey;
}

/// @notice Who serves the network beside its members. None of them counts in a quorum.
/// @param aggregators Propose reports. The index is the turn.
/// @param relayers Keep usage between users, workers and settlement.
/// @param gateways Take requests of users.
struct NetworkServices {
    Member[] aggregators;
    Member[] relayers;
    Member[] gateways;
}

/// @notice An ECDSA signature in the 64-byte form of EIP-2098: s has the parity of y in its highest bit. Only low s.
struct Signature {
    bytes32 r;
    bytes32 yParityAndS;
}

/// @notice What one member says of one round. Two different ones of the same member and round are evidence.
struct Quote {
    uint32 keyEpoch;
    bytes32 feedId;
    uint40 round;
    uint80 price;
    uint16 confidence;
    uint40 observedAt;
    bytes32 sourcesRoot;
}

/// @notice A group key, and the members that it is of.
/// @param keyEpoch Number of the group key; 0 before the first one, and where there is no such key.
/// @param memberSet Number of the list of members; 1 is that of the deployment, 0 where there is no such key.
/// @param px x coordinate of the group key, whose y is even; 0 where there is none: in key epoch 0, and in one that
/// installSet began.
/// @param transcriptHash Hash of the key generation that made the group key.
/// @param participants Bit i: the member in slot i holds a share of the group key.
/// @param suspended Bit i: the member in slot i is suspended.
struct KeyView {
    uint32 keyEpoch;
    uint32 memberSet;
    uint256 px;
    bytes32 transcriptHash;
    uint256 participants;
    uint256 suspended;
}

/// @notice Everything that changes, in one read. n, f and q follow from a list: n is the number of its members,
/// f = ⌊(n − 1) / 3⌋, q = ⌈(n + f + 1) / 2⌉, and suspending a member lowers none of them.
/// @param registryVersion Rises with every suspension, proposal, withdrawal, rotation and installation: what was signed
/// for a version is worth nothing after the next of these.
/// @param switchesAt Rounds that start at this second or later are of the newest key, those before it of the previous
/// one, or of nobody where there is none; 0 before the first key.
/// @param handoverSec From a rotation to switchesAt, and from there until the previous key counts no more.
/// @param pendingSet Number of the list of members that the next rotation brings into force; 0 when none is pending.
/// @param pendingSuspended Bit i: the member in slot i of the pending set has been suspended since it was proposed, so it
/// takes no part in the next key and is suspended afterwards, too.
/// @param newest The newest key, and the members in force.
/// @param previous The key before it; none after installSet. Its members' suspensions are those at the rotation that
/// replaced them, or those of now where the set is still the same.
struct RegistryState {
    uint32 registryVersion;
    uint40 switchesAt;
    uint32 handoverSec;
    uint32 pendingSet;
    uint256 pendingSuspended;
    KeyView newest;
    KeyView previous;
}

/// @title The members of the oracle network, their quorum, and the key that certifies for them
/// @notice The identities are the root of trust: a quorum of them installs the group key, and can certify without it.
/// The registry is the only writer of the key and hands it to all that verify with it in the same transaction.
///
/// Members change in two steps, each signed by a quorum of the members in force: `proposeMembers` makes a list pending,
/// and the next `rotateGroupKey`, for a key that the pending members have made, brings it into force. A rotation is a
/// handover: for `handoverSec` the previous key goes on, then the newest one takes over with the round that starts at
/// `switchesAt`, and for another `handoverSec` what the previous one signed is still taken.
///
/// Where that way is closed, because a quorum has lost or sold its keys, the timelock replaces everybody at once with
/// `installSet`: those whom the holders of IO have chosen, after a fortnight in which all could see it coming.
///
/// All signatures are over EIP-712 digests of the domain {name: "IO Oracle", version: "1", chainId, this contract}.
interface IOracleRegistry {
    error Unauthorized(address caller, address required);
    /// @notice Below four members no fault can be tolerated; allowed on a development chain only.
    error TooFewMembers(uint256 given, uint256 required);
    /// @notice Empty slots are counted too.
    error TooManyMembers(uint256 given, uint256 maximum);
    /// @notice Aggregators, relayers and gateways are counted together.
    error TooManyServices(uint256 given, uint256 maximum);
    /// @notice At least a minute, on a development chain a second; at most a day.
    error HandoverOutOfRange(uint256 given, uint256 minimum, uint256 maximum);
    /// @notice `index` is that in the list of members, aggregators, relayers and gateways, one after the other.
    error ZeroIdentity(uint256 index);
    error ZeroPeerKey(uint256 index);
    /// @notice An identity has one role, and one place in it.
    error DuplicateIdentity(address identity);
    error DuplicatePeerKey(bytes32 peerKey);
    /// @notice Who is proposed again keeps the slot that it has in force, or that it has or had under the previous key:
    /// shares and records are by slot, and nobody is in two of them at once.
    error SlotMoved(address identity, uint256 given, uint256 required);
    error UnknownMemberSet(uint256 given, uint256 latest);

    error QuorumNotReached(uint256 given, uint256 required);
    /// @notice Signature `index` is malformed, has a high s, or recovers to nobody.
    error InvalidSignature(uint256 index);
    error SignersNotAscending(uint256 index, address previous, address given);
    /// @notice The signer is no member of the list that counts, or is suspended in it.
    error NotActiveMember(address signer);

    /// @notice The newest key does not count yet.
    error HandoverNotOver(uint256 time, uint256 switchesAt);
    /// @notice The members of the previous key certify no more.
    error HandoverOver(uint256 time, uint256 until);
    /// @notice Neither the newest key epoch nor the one before it.
    error KeyEpochForgotten(uint256 given, uint256 newest);
    /// @notice A participant has no slot or is suspended, or will be in the pending set.
    error InvalidParticipants(uint256 given, uint256 allowed);
    error TooFewParticipants(uint256 given, uint256 required);
    /// @notice The new key did not sign its own installation.
    error InvalidGroupSignature(uint256 px);

    error KeyEpochInFuture(uint256 given, uint256 current);
    /// @notice The member has been suspended, and its set replaced: what it signed before that is dealt with.
    error EvidenceSpent(uint256 keyEpoch, uint256 required);
    /// @notice A member that quotes a round again under a new key commits no fault.
    error DifferentKeyEpochs(uint256 first, uint256 second);
    /// @notice The two quotes are of different feeds or rounds, which is no fault.
    error NotSameRound();
    error SameQuote(bytes32 digest);
    error DifferentSigners(address first, address second);

    /// @notice A quorum agreed on a list of members, which is in force from the next rotation on.
    event MembersProposed(uint32 indexed memberSet, uint32 registryVersion, Member[] members);

    /// @notice A quorum proposed the members in force, so no list is pending any more.
    /// @param memberSet The list that was pending; 0 when none was.
    event MembersWithdrawn(uint32 indexed memberSet, uint32 registryVersion);

    /// @notice A new group key is there, and certifies rounds from `switchesAt` on.
    /// @param memberSet The members in force from now on.
    /// @param registryVersion From now on: one above the signed one.
    event GroupKeyRotated(
        uint32 indexed keyEpoch,
        uint32 indexed memberSet,
        uint256 px,
        uint256 participants,
        bytes32 transcriptHash,
        uint32 registryVersion,
        uint40 switchesAt
    );

    /// @notice The timelock has replaced the members. Nothing of the key and the members before counts any more, and
    /// there is no group key until the new members rotate.
    event MembersInstalled(
        uint32 indexed memberSet, uint32 registryVersion, uint32 indexed keyEpoch, Member[] members
    );

    /// @notice A member signed two quotes for one round and is out, until a quorum that knows of it
    /// replaces the set.
    /// @param keyEpoch The epoch of the suspension, which may be later than that of the quotes.
    event MemberSuspended(
        address indexed identity, uint256 indexed slot, uint32 indexed keyEpoch, uint32 registryVersion
    );

    /// @notice A member signed two quotes for one round, but nobody more is suspended without a decision. Once for a
    /// member and key epoch.
    /// @param keyEpoch The epoch of the record, which may be later than that of the quotes. In the next one the same
    /// proof may suspend.
    event EquivocationRecorded(address indexed identity, uint256 indexed slot, uint32 indexed keyEpoch);

    function MAX_MEMBERS() external view returns (uint256);

    /// @notice The most aggregators, relayers and gateways together.
    function MAX_SERVICES() external view returns (uint256);

    /// @notice Who may replace all members; zero means nobody.
    function timelock() external view returns (address);

    /// @notice The EIP-712 domain separator that everything in the network is signed under.
    function DOMAIN_SEPARATOR() external view returns (bytes32);

    function state() external view returns (RegistryState memory);

    /// @notice The members in force, suspended ones too. The index is the slot; an entry of zeros is an empty slot.
    function members() external view returns (Member[] memory);

    /// @notice The members of a set, be it pending, in force, replaced, or never brought into force.
    function membersOf(uint32 memberSet) external view returns (Member[] memory);

    function aggregators() external view returns (Member[] memory);

    function relayers() external view returns (Member[] memory);

    function gateways() external view returns (Member[] memory);

    /// @notice Who receives a new group key.
    function consumers() external view returns (address[] memory);

    /// @notice The slot of `identity` among the members in force.
    /// @return isMember False for strangers and services; the slot is then 0 and means nothing.
    function slotOf(address identity) external view returns (bool isMember, uint256 slot);

    /// @notice Makes a list of members pending, in place of one that is pending already. Anybody may send it; a quorum
    /// of active members must have signed MemberSet(uint32 registryVersion,bytes32 membersHash) with the current
    /// registryVersion and membersHash = keccak256(abi.encode(members)). Nothing else changes until the next rotation,
    /// which must be for this list.
    ///
    /// A list equal to the one in force takes a pending one back, and changes nothing else. Only where none is pending
    /// and somebody is suspended it is a proposal like any other, that reinstates.
    /// @param members The index is the slot; an entry of zeros is an empty slot. Who is in force, or was under the
    /// previous key, keeps its slot. A suspended one that is listed is reinstated, unless its suspension comes after
    /// this proposal: that one it takes along.
    function proposeMembers(Member[] calldata members, Signature[] calldata signatures) external;

    /// @notice Installs a group key, and brings pending members into force. Anybody may send it; a quorum of active
    /// members in force must have signed it, and the key itself, over GroupKey(uint32 keyEpoch,uint32 registryVersion,
    /// uint32 memberSet,bytes32 transcriptHash,uint256 participants,uint256 px) with keyEpoch = newest + 1, the current
    /// registryVersion, and the set that is in force afterwards. Not before the newest key counts.
    ///
    /// The key until now is taken until switchesAt + handoverSec, so a stolen one is out after two rotations.
    /// @param px x coordinate of the key with even y, 0 < px < Q.
    /// @param transcriptHash Hash of the key generation that made the key.
    /// @param participants Bit i: the member in slot i holds a share. At least a quorum, all active, of the set that is
    /// in force afterwards.
    /// @param r Address of the nonce point of the signature by the new key.
    /// @param s Scalar of the signature by the new key.
    /// @param signatures Of at least a quorum of active members, ascending by address.
    function rotateGroupKey(
        uint256 px,
        bytes32 transcriptHash,
        uint256 participants,
        address r,
        uint256 s,
        Signature[] calldata signatures
    ) external;

    /// @notice Replaces the members at once. Only the timelock.
    ///
    /// A new key epoch begins, with no group key: a quorum of the new members certifies with its identities until they
    /// have made a key and rotated to it. The key until now, the one before it and the members of both count no more in
    /// the same transaction, in all consumers; no list is pending, and nobody is suspended.
    /// @dev WARNING: rounds that began before this second can be certified by nobody, nor can epochs under key epochs
    /// before this one: they are certified again.
    /// @param members The index is the slot; an entry of zeros is an empty slot. Unlike in proposeMembers nobody's slot is
    /// kept: all that is by slot begins anew, and members in force must not stand in the way by any list of their own.
    function installSet(Member[] calldata members) external;

    /// @notice Reverts unless at least a quorum of the active members in force signed `digest`, in ascending order of address.
    /// Every signature given must be good, also those above the quorum.
    function verifyQuorum(bytes32 digest, Signature[] calldata signatures) external view;

    /// @notice Likewise of the members that count at a time, such as the start of a round: before switchesAt those of the
    /// previous key, where there is one, so that never two lists can certify one round. Theirs is taken until
    /// switchesAt + handoverSec, as is that of their key.
    /// @param timeSec Unix seconds, rounded down: switchesAt is a whole second.
    function verifyQuorumAt(bytes32 digest, Signature[] calldata signatures, uint256 timeSec) external view;

    /// @notice Likewise of the members of a key epoch: the newest one, or until switchesAt + handoverSec the previous one.
    function verifyQuorumOf(bytes32 digest, Signature[] calldata signatures, uint32 keyEpoch) external view;

    /// @notice Reverts unless at least f + 1 of the active members in force signed `digest`, in ascending order of address:
    /// so many that one of them is honest. Every signature given must be good.
    function verifyOneHonest(bytes32 digest, Signature[] calldata signatures) external view;

    /// @notice Suspends a member that signed two different quotes for one feed, round and key epoch, the current one or
    /// an earlier one. Anybody may send the proof. Digests are compared, never signatures: a second signature of the
    /// same quote can be made by anybody from the first.
    ///
    /// In a key epoch at most f members are suspended so, whatever the epoch of their quotes, and never so many that
    /// fewer than a quorum stay active; what is beyond that is an event only. Otherwise a network with leaked keys
    /// could be halted for good by proofs alone. A proof against a suspended member reverts; one against a member that
    /// is on record in this key epoch changes nothing. A suspension ends when the set is replaced by one that was
    /// proposed after it, and so does the worth of all proofs of key epochs before that against those that were
    /// suspended: what became of them is the quorum's decision. One that comes while a set is pending goes along.
    function suspendEquivocator(
        Quote calldata first,
        Signature calldata firstSignature,
        Quote calldata second,
        Signature calldata secondSignature
    ) external;
}
