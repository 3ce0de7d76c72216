// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Books} from "./Books.sol";

/// @notice What no attack and no veto may change: everything that the network knows and holds, but for what the attackers
/// have of their own.
contract Fingerprints is Books {
    function fingerprints() external view returns (bytes32 state, bytes32 staged) {
        return (everything(), stageMark());
    }

    function everything() private view returns (bytes32) {
        bytes32 money = keccak256(abi.encode(io.totalSupply(), iosd.totalSupply(), settlement.reserve()));
        for (uint256 i = 0; i < deployed.length; ++i) {
            money = keccak256(abi.encode(money, io.balanceOf(deployed[i]), iosd.balanceOf(deployed[i])));
        }
        for (uint256 i = 0; i < PEOPLE; ++i) {
            address one = people[i];
            money = keccak256(
                abi.encode(money, io.balanceOf(one), iosd.balanceOf(one), distributor.claimedBy(one))
            );
            money = keccak256(
                abi.encode(
                    money,
                    escrow.accountOf(one, IO_ASSET),
                    escrow.accountOf(one, IOSD_ASSET),
                    distributor.payoutOf(one),
                    io.allowance(one, hostiles[0])
                )
            );
        }
        return keccak256(abi.encode(money, ledgers(), rules()));
    }

    function ledgers() private view returns (bytes32) {
        (uint256 totalScheduled, uint256 totalNet) = emission.totals();
        return keccak256(
            abi.encode(
                abi.encode(
                    totalScheduled, totalNet, emission.nextEpoch(), burner.totalBurned(), burner.burnable()
                ),
                abi.encode(
                    distributor.root(),
                    distributor.funded(),
                    distributor.claimed(),
                    escrow.openingOf(nextEpoch)
                ),
                abi.encode(escrow.debits(), settlement.nextEpoch())
            )
        );
    }

    function rules() private view returns (bytes32) {
        return keccak256(
            abi.encode(
                abi.encode(feed.latestWord(), feed.groupKeys(), settlement.groupKeys(), registry.state()),
                abi.encode(
                    registry.members(), parameters.latestVersion(), burner.pausedUntil(), burner.pauses()
                ),
                abi.encode(timelock.getMinDelay())
            )
        );
    }

    /// @dev Whether and how the next epoch is staged: a veto changes this, and nothing else.
    function stageMark() private view returns (bytes32) {
        (bool staged, uint64 epoch, uint32 attempt, bytes32 hash) = settlement.staged();
        return keccak256(abi.encode(staged, epoch, attempt, hash, settlement.nextAttempt()));
    }
}
