// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../../../src/interfaces/ISettlement.sol";
import {Settling} from "./Settling.sol";

/// @notice Who settles: in time, late, many at once, and empty.
contract Relayer is Settling {
    // --- honest settlement ---

    function settleNext(uint256 seed) external {
        if (!canStage()) return;
        stageNext(seed);
        if (seed % 3 == 0) return;
        pass(DISPUTE_SEC);
        activate(seed);
    }

    function activateStaged(uint256 seed) external {
        if (!isStaged) return;
        if (vm.getBlockTimestamp() < stagedAt + DISPUTE_SEC) {
            bytes memory data = abi.encodeCall(ISettlement.activate, (stage.report));
            mustFail(anybody(seed), address(settlement), data, "invariant 06: active before its time");
            pass(stagedAt + DISPUTE_SEC - vm.getBlockTimestamp());
        }
        activate(seed);
    }

    /// @dev Several missed epochs, one after the other.
    function catchUp(uint256 seed) external {
        if (isStaged) {
            if (vm.getBlockTimestamp() < stagedAt + DISPUTE_SEC) pass(DISPUTE_SEC);
            activate(seed);
        }
        for (uint256 i = 0; i < 8 && canStage(); ++i) {
            stageNext(roll(roll(seed, "catch up"), bytes32(i)));
            pass(DISPUTE_SEC);
            activate(roll(seed, bytes32(i)));
            if (i > 0) did("catch up");
        }
    }

    function emptyNext(uint256 seed) external {
        if (!canStage() || seed % 2 == 0) return;
        uint64 epoch = nextEpoch;
        bytes32 digest = settlement.emptyEpochDigest(epoch);
        uint256 pool = poolOf(epoch);
        noteOpened(pool);
        mustSend(
            anybody(seed),
            address(settlement),
            abi.encodeCall(ISettlement.settleEmpty, (epoch, signedByQuorum(digest, seed)))
        );
        reserve = reserve - released() + pool;
        noteMinted(epoch);
        did("empty");
        whilePaused("empty while paused");
    }
}
